import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'

/** sha256, hex, of a file's bytes, in parts. */
export async function fileDigest(file: string, signal: AbortSignal): Promise<{ sha256: string; sizeBytes: number }> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  for await (const part of createReadStream(file, { signal, highWaterMark: 1 << 20 })) {
    hash.update(part as Uint8Array)
    sizeBytes += (part as Uint8Array).length
  }
  return { sha256: hash.digest('hex'), sizeBytes }
}
