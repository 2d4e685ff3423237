import { HeadBucketCommand, HeadObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3'
import { MillcourseError } from '../../core/errors.js'
import { missingBucket, readFault } from './errors.js'
import { formatS3Uri, type S3Location } from './location.js'
import type { S3Connection } from './s3-connection.js'

export interface FoundObject {
  /** As S3 gives it, in quotes. */
  readonly etag: string
  readonly sizeBytes: number
}

/** Null: there is no such object. @throws MillcourseError LAKE_BUCKET_MISSING, … */
export async function headObject(s3: S3Connection, at: S3Location): Promise<FoundObject | null> {
  const found = await s3.ask(at, async (client) => {
    try {
      return await client.send(new HeadObjectCommand({ Bucket: at.bucket, Key: at.key }))
    } catch (error) {
      if (readFault(error).status === 404) return null
      throw await explained(s3, error, at)
    }
  })
  if (found) return { etag: found.ETag ?? '', sizeBytes: found.ContentLength ?? 0 }
  await checkBucket(s3, at)
  return null
}

/** @throws MillcourseError LAKE_FILE_MISSING */
export async function headExisting(s3: S3Connection, at: S3Location): Promise<FoundObject> {
  const found = await headObject(s3, at)
  if (found) return found
  throw new MillcourseError('LAKE_FILE_MISSING', `${formatS3Uri(at)} does not exist`, {
    hint: 'look whether it was removed by hand',
    facts: { file: formatS3Uri(at) },
  })
}

/** A HEAD's 404 says nothing of the bucket; asked once for each. */
async function checkBucket(s3: S3Connection, at: S3Location): Promise<void> {
  if (s3.bucketsSeen.has(at.bucket)) return
  await s3.ask(at, async (client) => {
    try {
      await client.send(new HeadBucketCommand({ Bucket: at.bucket }))
    } catch (error) {
      // Whoever may read objects need not be allowed to ask for the bucket.
      if (readFault(error).status === 404) throw missingBucket(formatS3Uri(at))
    }
  })
  s3.bucketsSeen.add(at.bucket)
}

/** The answer to a HEAD has no body to say why; a listing's has. */
async function explained(s3: S3Connection, error: unknown, at: S3Location): Promise<unknown> {
  const { status } = readFault(error)
  if (status === undefined || status < 300 || (status >= 500 && status !== 501)) return error
  try {
    await s3.client.send(new ListObjectsV2Command({ Bucket: at.bucket, Prefix: at.key, MaxKeys: 1 }))
    return error
  } catch (reason) {
    return reason
  }
}
