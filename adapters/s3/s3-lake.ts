/** The port Lake on S3, or on a store that speaks it: listings of 1,000, and conditional writes (`If-None-Match: *`). */
import { createHash } from 'node:crypto'
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3'
import { MillcourseError } from '../../core/errors.js'
import type { Lake, LakeDigest, LakeFile, ListRange } from '../../core/ports/lake.js'
import { readFault } from './errors.js'
import { headObject } from './head-object.js'
import { formatS3Uri, parseS3Uri, type S3Location } from './location.js'
import { promoteObject } from './promote.js'
import type { S3Connection } from './s3-connection.js'

/**
 * @param root `s3://bucket/prefix`
 * @throws MillcourseError CONFIG_INVALID
 */
export function createS3Lake(s3: S3Connection, root: string): Lake {
  const { bucket, key } = parseS3Uri(root)
  const prefix = key.replace(/\/+$/, '')
  return new S3Lake(s3, { bucket, key: prefix === '' ? '' : `${prefix}/` })
}

class S3Lake implements Lake {
  readonly #s3: S3Connection
  readonly #root: S3Location

  constructor(s3: S3Connection, root: S3Location) {
    this.#s3 = s3
    this.#root = root
  }

  uri(path: string): string {
    return formatS3Uri(this.#placeToRead(path).at)
  }

  async *list(prefix: string, range?: ListRange): AsyncIterable<LakeFile> {
    const { at, cut } = this.#placeToRead(prefix, { isPrefix: true })
    const nameOf = (key: string) => (cut === null ? formatS3Uri({ bucket: at.bucket, key }) : key.slice(cut))
    const keyOf = (name: string) => (cut === null ? parseS3Uri(name).key : this.#root.key + name)
    // What sorts before `from` and shares all but its last character is passed over below.
    const after = range ? keyOf(range.from).slice(0, -1) : ''
    for (let token: string | undefined, isFirst = true; isFirst || token !== undefined; isFirst = false) {
      const page = await this.#s3.ask(at, (client) =>
        client.send(
          new ListObjectsV2Command({
            Bucket: at.bucket,
            Prefix: at.key,
            ContinuationToken: token,
            ...(token === undefined && after !== '' ? { StartAfter: after } : {}),
          }),
        ),
      )
      for (const { Key, ETag, Size } of page.Contents ?? []) {
        const path = nameOf(Key!)
        if (range && isBefore(path, range.from)) continue
        if (range && !isBefore(path, range.below)) return
        // Consoles keep a folder as an empty object of its name.
        if (!path.endsWith('/')) yield { path, etag: unquoted(ETag), sizeBytes: Size ?? 0 }
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined
    }
  }

  async head(path: string): Promise<LakeFile | null> {
    const { at, cut } = this.#placeToRead(path)
    const found = await headObject(this.#s3, at)
    if (found === null) return null
    const name = cut === null ? formatS3Uri(at) : at.key.slice(cut)
    return { path: name, etag: unquoted(found.etag), sizeBytes: found.sizeBytes }
  }

  async read(path: string): Promise<Uint8Array> {
    const { at } = this.#placeToRead(path)
    return this.#s3.ask(at, async (client) => {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: at.bucket, Key: at.key }))
      return await Body!.transformToByteArray()
    })
  }

  async readRange(path: string, start: number, length: number): Promise<Uint8Array> {
    if (length === 0) return new Uint8Array()
    const { at } = this.#placeToRead(path)
    return this.#s3.ask(at, async (client) => {
      const Range = `bytes=${start}-${start + length - 1}`
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: at.bucket, Key: at.key, Range }))
        return await Body!.transformToByteArray()
      } catch (error) {
        // Nothing of it lies in the file.
        if (readFault(error).status === 416) return new Uint8Array()
        throw error
      }
    })
  }

  async digest(path: string): Promise<LakeDigest | null> {
    const { at } = this.#placeToRead(path)
    return this.#s3.ask(at, async (client) => {
      try {
        const { Body, ETag, ContentLength } = await client.send(
          new GetObjectCommand({ Bucket: at.bucket, Key: at.key }),
        )
        const hash = createHash('sha256')
        for await (const part of Body!.transformToWebStream()) hash.update(part as Uint8Array)
        return { sha256: hash.digest('hex'), etag: unquoted(ETag), sizeBytes: ContentLength ?? 0 }
      } catch (error) {
        if (readFault(error).name === 'NoSuchKey') return null
        throw error
      }
    })
  }

  async writeIfAbsent(path: string, bytes: Uint8Array): Promise<'written' | 'exists'> {
    const at = this.#place(path)
    return this.#s3.ask(at, async (client, isRepeated) => {
      try {
        await client.send(new PutObjectCommand({ Bucket: at.bucket, Key: at.key, Body: bytes, IfNoneMatch: '*' }))
        return 'written'
      } catch (error) {
        const { status } = readFault(error)
        if (status !== 412) throw error
        // What is there may be ours, written by an attempt whose answer was lost.
        return isRepeated && Buffer.from(await this.read(path)).equals(bytes) ? 'written' : 'exists'
      }
    })
  }

  /** There are no folders. */
  async prepareWrite(path: string): Promise<void> {
    this.#place(path)
  }

  /** An object is there once its upload is answered. */
  async finishWrite(path: string): Promise<void> {
    this.#place(path)
  }

  async promote(from: string, to: string): Promise<'written' | 'exists'> {
    return promoteObject(this.#s3, this.#place(from), this.#place(to), true)
  }

  async replace(from: string, to: string): Promise<void> {
    await promoteObject(this.#s3, this.#place(from), this.#place(to), false)
  }

  async remove(path: string): Promise<void> {
    const at = this.#place(path)
    await this.#s3.ask(at, (client) => client.send(new DeleteObjectCommand({ Bucket: at.bucket, Key: at.key })))
  }

  /** @throws MillcourseError CONFIG_INVALID when the path leaves the root */
  #place(path: string, options = { isPrefix: false }): S3Location {
    const trimmed = options.isPrefix && path.endsWith('/') ? path.slice(0, -1) : path
    const isOdd = (segment: string) => segment === '..' || segment === '.' || segment === ''
    if (
      path.includes('\0') ||
      (trimmed !== '' && trimmed.split('/').some(isOdd)) ||
      (trimmed === '' && !options.isPrefix)
    )
      throw invalidPath(path, 'is not a path below the root of the lake')
    return { bucket: this.#root.bucket, key: this.#root.key + path }
  }

  /**
   * Reading also takes `s3://…` of any bucket: a source may lie elsewhere. Listed names are then URIs.
   * @returns cut: how much of a key is the root's; null: names are URIs
   */
  #placeToRead(path: string, options = { isPrefix: false }): { readonly at: S3Location; readonly cut: number | null } {
    if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(path)) return { at: this.#place(path, options), cut: this.#root.key.length }
    const at = parseS3Uri(path)
    // On their way through HTTP clients such segments are resolved.
    if (at.key.split('/').some((segment) => segment === '..' || segment === '.'))
      throw invalidPath(path, 'has a segment "." or ".."')
    return { at, cut: null }
  }
}

/** S3's own order: bytes of UTF-8. */
function isBefore(a: string, b: string): boolean {
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0
}

function unquoted(etag: string | undefined): string {
  return (etag ?? '').replaceAll('"', '')
}

function invalidPath(path: string, why: string): MillcourseError {
  return new MillcourseError('CONFIG_INVALID', `"${path}" ${why}`, {
    hint: 'paths lie below the root of the lake, use "/" and have no ".."',
    facts: { path },
  })
}
