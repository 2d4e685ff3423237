/** A file here or in S3: its bytes, read in parts, and whether they are still those that were there before. */
import { createHash } from 'node:crypto'
import { access, constants, open, stat } from 'node:fs/promises'
import type { FileBytes } from '../../core/source/index.js'
import type { CliContext } from '../context.js'

export interface StoredBytes extends FileBytes {
  /** Whether what lies there now is what was there when it was found. */
  isUnchanged(): Promise<boolean>
}

/** Null: there is no such file. @throws MillcourseError LAKE_… */
export async function storedBytes(context: Pick<CliContext, 'lakeAt'>, file: string): Promise<StoredBytes | null> {
  return isInS3(file) ? await bytesInS3(context, file) : await bytesHere(file)
}

/** What keeps this machine from reading what lies there; null: nothing, or it does not lie here. */
export async function whyNotRead(file: string): Promise<'is a folder' | 'may not be read by this user' | null> {
  const found = isInS3(file) ? null : await stat(file).catch(() => null)
  if (found === null) return null
  if (found.isDirectory()) return 'is a folder'
  return await access(file, constants.R_OK).then(
    () => null,
    () => 'may not be read by this user' as const,
  )
}

export function isInS3(file: string): boolean {
  return file.startsWith('s3://')
}

async function bytesHere(file: string): Promise<StoredBytes | null> {
  const look = async () => {
    const found = await stat(file, { bigint: true }).catch(() => null)
    return found && { sizeBytes: Number(found.size), state: [found.ino, found.size, found.mtimeNs].join('-') }
  }
  const found = await look()
  if (found === null) return null
  return {
    sizeBytes: found.sizeBytes,
    async read(start, length) {
      const handle = await open(file, 'r')
      try {
        const { buffer, bytesRead } = await handle.read(new Uint8Array(length), 0, length, start)
        return buffer.subarray(0, bytesRead)
      } finally {
        await handle.close()
      }
    },
    isUnchanged: async () => (await look())?.state === found.state,
  }
}

async function bytesInS3(context: Pick<CliContext, 'lakeAt'>, uri: string): Promise<StoredBytes | null> {
  const cut = uri.lastIndexOf('/')
  const name = uri.slice(cut + 1)
  const lake = await context.lakeAt(uri.slice(0, cut))
  const found = await lake.head(name)
  if (found === null) return null
  return {
    sizeBytes: found.sizeBytes,
    read: (start, length) => lake.readRange(name, start, length),
    isUnchanged: async () => (await lake.head(name))?.etag === found.etag,
  }
}

const partBytes = 8 << 20

export async function* partsOf(bytes: FileBytes): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.sizeBytes; start += partBytes)
    yield await bytes.read(start, Math.min(partBytes, bytes.sizeBytes - start))
}

/** sha256, hex. @param also hashes that go on over several files @param onProgress which part of it is done, 0 to 1 */
export async function digestOf(
  bytes: FileBytes,
  signal: AbortSignal,
  also: readonly { update(part: Uint8Array): unknown }[] = [],
  onProgress: (done: number) => void = () => {},
): Promise<{ readonly sha256: string; readonly sizeBytes: number }> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  for await (const part of partsOf(bytes)) {
    signal.throwIfAborted()
    hash.update(part)
    for (const one of also) one.update(part)
    sizeBytes += part.length
    onProgress(sizeBytes / bytes.sizeBytes)
  }
  return { sha256: hash.digest('hex'), sizeBytes }
}
