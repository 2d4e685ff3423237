/**
 * An object under another name, once. S3 has no rename, and not every store that speaks S3 looks at `If-None-Match` on CopyObject
 * (a silent overwrite); on CompleteMultipartUpload those that know conditional writes at all do. So a copy is an upload of parts
 * that the server copies, of whatever size, and its completion is the condition.
 */
import { DeleteObjectCommand, PutObjectCommand, UploadPartCopyCommand } from '@aws-sdk/client-s3'
import { MillcourseError } from '../../core/errors.js'
import { readFault } from './errors.js'
import { type FoundObject, headExisting, headObject } from './head-object.js'
import { formatS3Uri, type S3Location } from './location.js'
import { putInParts } from './multipart.js'
import type { S3Connection } from './s3-connection.js'

/**
 * @param isConditional the object appears only where there is none yet; else it takes the place of what is there
 * @throws MillcourseError LAKE_FILE_MISSING where neither is there, or the source is replaced meanwhile
 */
export async function promoteObject(
  s3: S3Connection,
  from: S3Location,
  to: S3Location,
  isConditional: boolean,
): Promise<'written' | 'exists'> {
  if (from.bucket === to.bucket && from.key === to.key) return 'exists'
  const found = await headObject(s3, from)
  // Repeated after it was done: the source is gone, the target there.
  if (found === null && (await headObject(s3, to))) return 'exists'
  const source = found ?? (await headExisting(s3, from))
  const outcome =
    source.sizeBytes === 0
      ? await putEmpty(s3, to, isConditional)
      : await copyInParts(s3, from, source, to, isConditional)
  await s3.ask(from, (client) => client.send(new DeleteObjectCommand({ Bucket: from.bucket, Key: from.key })))
  return outcome
}

function copyInParts(
  s3: S3Connection,
  from: S3Location,
  source: FoundObject,
  to: S3Location,
  isConditional: boolean,
): Promise<'written' | 'exists'> {
  const { copyPartBytes: partBytes } = s3.options
  const isWhole = source.sizeBytes <= partBytes
  return putInParts(
    s3,
    to,
    {
      sizeBytes: source.sizeBytes,
      partBytes,
      put: async (part) => {
        const copied = await s3.client
          .send(
            new UploadPartCopyCommand({
              Bucket: to.bucket,
              Key: to.key,
              UploadId: part.uploadId,
              PartNumber: part.number,
              CopySource: [from.bucket, ...from.key.split('/')].map(encodeURIComponent).join('/'),
              // All parts are of the object that was looked at.
              CopySourceIfMatch: source.etag,
              ...(isWhole ? {} : { CopySourceRange: `bytes=${part.from}-${part.to - 1}` }),
            }),
          )
          .catch((error: unknown) => {
            throw readFault(error).status === 412 ? replaced(from) : error
          })
        return copied.CopyPartResult!.ETag!
      },
    },
    isConditional,
  )
}

/** Nobody but a person does that: what was judged is no more. */
function replaced(from: S3Location): MillcourseError {
  const file = formatS3Uri(from)
  return new MillcourseError('LAKE_FILE_MISSING', `${file} was replaced while it was copied`, {
    hint: 'what was judged is no more: run the interval again (`millcourse decide VIEW@START rerun --reason …`)',
    facts: { file },
  })
}

/** S3 copies no part of nothing. */
async function putEmpty(s3: S3Connection, to: S3Location, isConditional: boolean): Promise<'written' | 'exists'> {
  const empty = { Bucket: to.bucket, Key: to.key, Body: new Uint8Array() }
  return s3.ask(to, async (client) => {
    try {
      await client.send(new PutObjectCommand({ ...empty, ...(isConditional ? { IfNoneMatch: '*' } : {}) }))
      return 'written'
    } catch (error) {
      if (isConditional && readFault(error).status === 412) return 'exists'
      throw error
    }
  })
}
