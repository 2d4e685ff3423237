/** An object put together from parts: readers see nothing of it before the last is there, and nothing where one failed. */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
} from '@aws-sdk/client-s3'
import { readFault } from './errors.js'
import type { S3Location } from './location.js'
import type { S3Connection } from './s3-connection.js'

const partsAtOnce = 4
/** S3 takes no more. */
const partsMax = 10_000

export interface Parts {
  readonly sizeBytes: number
  readonly partBytes: number
  /** Sends bytes `from` to `to`, which is not included; returns the part's etag. */
  put(part: {
    readonly uploadId: string
    readonly number: number
    readonly from: number
    readonly to: number
  }): Promise<string>
}

/**
 * @param isConditional the object appears only where there is none yet
 * @throws MillcourseError
 */
export async function putInParts(
  s3: S3Connection,
  at: S3Location,
  { sizeBytes, partBytes, put }: Parts,
  isConditional: boolean,
  signal?: AbortSignal,
): Promise<'written' | 'exists'> {
  const target = { Bucket: at.bucket, Key: at.key }
  const step = Math.max(partBytes, Math.ceil(sizeBytes / partsMax))
  const count = Math.max(1, Math.ceil(sizeBytes / step))
  const uploadId = await s3.ask(
    at,
    async (client) => (await client.send(new CreateMultipartUploadCommand(target))).UploadId!,
    signal,
  )
  const abort = () =>
    s3.client.send(new AbortMultipartUploadCommand({ ...target, UploadId: uploadId })).catch(() => {
      // Invisible, and the bucket's lifecycle rule clears it away.
    })
  try {
    const etags = new Array<string>(count)
    const queue = etags.keys()
    const failures: unknown[] = []
    const runner = async (): Promise<void> => {
      for (const index of queue) {
        if (failures.length > 0) return
        const [from, to] = [index * step, Math.min((index + 1) * step, sizeBytes)]
        try {
          etags[index] = await s3.ask(at, () => put({ uploadId, number: index + 1, from, to }), signal)
        } catch (error) {
          failures.push(error)
        }
      }
    }
    // All of them to their end: a part that arrives while the upload is given up would stay behind it.
    await Promise.all(Array.from({ length: Math.min(partsAtOnce, count) }, runner))
    if (failures.length > 0) throw failures[0]
    const outcome = await complete(s3, at, uploadId, etags, isConditional, signal)
    if (outcome === 'exists') await abort()
    return outcome
  } catch (error) {
    await abort()
    throw error
  }
}

async function complete(
  s3: S3Connection,
  at: S3Location,
  uploadId: string,
  etags: readonly string[],
  isConditional: boolean,
  signal: AbortSignal | undefined,
): Promise<'written' | 'exists'> {
  const command = new CompleteMultipartUploadCommand({
    Bucket: at.bucket,
    Key: at.key,
    UploadId: uploadId,
    MultipartUpload: { Parts: etags.map((ETag, index) => ({ ETag, PartNumber: index + 1 })) },
    ...(isConditional ? { IfNoneMatch: '*' } : {}),
  })
  return s3.ask(
    at,
    async (client, isRepeated) => {
      try {
        await client.send(command)
        return 'written'
      } catch (error) {
        const { name, status } = readFault(error)
        if (isConditional && status === 412) return 'exists'
        // An attempt before this one landed, and its answer was lost: the upload is used up.
        if (name === 'NoSuchUpload' && isRepeated) {
          await client.send(new HeadObjectCommand({ Bucket: at.bucket, Key: at.key }))
          return 'written'
        }
        throw error
      }
    },
    signal,
  )
}
