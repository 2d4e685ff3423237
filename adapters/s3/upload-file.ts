/** A finished local file becomes an object, whole or not at all; what was there is replaced. */
import { type FileHandle, open } from 'node:fs/promises'
import { PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3'
import { parseS3Uri } from './location.js'
import { putInParts } from './multipart.js'
import type { S3Connection } from './s3-connection.js'

/** @throws MillcourseError; what `signal` was aborted with */
export async function uploadFile(s3: S3Connection, file: string, uri: string, signal?: AbortSignal): Promise<void> {
  const at = parseS3Uri(uri)
  const partBytes = s3.options.uploadPartBytes
  const target = { Bucket: at.bucket, Key: at.key }
  const handle = await open(file, 'r')
  try {
    const { size: sizeBytes } = await handle.stat()
    if (sizeBytes <= partBytes) {
      const Body = await readRange(handle, 0, sizeBytes)
      await s3.ask(at, (client) => client.send(new PutObjectCommand({ ...target, Body })), signal)
      return
    }
    const put = async ({
      uploadId,
      number,
      from,
      to,
    }: {
      uploadId: string
      number: number
      from: number
      to: number
    }) => {
      const Body = await readRange(handle, from, to)
      const sent = await s3.client.send(
        new UploadPartCommand({ ...target, UploadId: uploadId, PartNumber: number, Body }),
      )
      return sent.ETag!
    }
    await putInParts(s3, at, { sizeBytes, partBytes, put }, false, signal)
  } finally {
    await handle.close()
  }
}

async function readRange(handle: FileHandle, from: number, to: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(to - from)
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await handle.read(bytes, at, bytes.length - at, from + at)
    if (bytesRead === 0) throw new Error(`the file became shorter while it was uploaded`)
    at += bytesRead
  }
  return bytes
}
