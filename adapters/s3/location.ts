import { MillcourseError } from '../../core/errors.js'

export interface S3Location {
  readonly bucket: string
  /** As S3 has it: any text, `%`, `?` and `#` are themselves. Empty: the bucket. */
  readonly key: string
}

/** @throws MillcourseError CONFIG_INVALID */
export function parseS3Uri(uri: string): S3Location {
  const parts = /^s3:\/\/([A-Za-z0-9][\w.-]{1,254})(?:\/(.*))?$/s.exec(uri)
  if (parts) return { bucket: parts[1]!, key: parts[2] ?? '' }
  const [, bucket] = /^s3:\/\/([^/]+)/.exec(uri) ?? []
  const what = bucket === undefined ? 'does not lie in S3' : `lies in no bucket: "${bucket}" is none of S3's names`
  throw new MillcourseError('CONFIG_INVALID', `"${uri}" ${what}`, {
    hint: 'write it as s3://bucket/prefix; a bucket is 3 to 63 lowercase letters, digits, . and -, the first a letter or a digit',
    facts: { path: uri },
  })
}

export function formatS3Uri({ bucket, key }: S3Location): string {
  return `s3://${bucket}/${key}`
}
