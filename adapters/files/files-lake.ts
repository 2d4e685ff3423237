/** The port Lake on a folder. A file appears under its name only when all its bytes are on the disk: written beside it, synced, linked. */
import { createHash, randomBytes } from 'node:crypto'
import { type BigIntStats, createReadStream, type Dirent } from 'node:fs'
import { link, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MillcourseError } from '../../core/errors.js'
import type { Lake, LakeDigest, LakeFile, ListRange } from '../../core/ports/lake.js'
import { toLakeError } from './errors.js'
import { makeFolder } from './make-folder.js'

/** Names that begin so are writes under way: never listed. */
const unfinishedPrefix = '.millcourse-unfinished-'
const digestPartBytes = 1024 * 1024

/**
 * @param root `file:///dir` or a path; need not exist yet
 * @throws MillcourseError CONFIG_INVALID
 */
export function createFilesLake(root: string): Lake {
  return new FilesLake(resolve(root.startsWith('file:') ? fromFileUri(root) : root))
}

class FilesLake implements Lake {
  readonly #root: string

  constructor(root: string) {
    this.#root = root
  }

  uri(path: string): string {
    return this.#placeToRead(path).absolute
  }

  async *list(prefix: string, range: ListRange | null = null): AsyncIterable<LakeFile> {
    const { absolute, name } = this.#placeToRead(prefix, { isPrefix: true })
    // A prefix may end within a name: its folder is walked, and what does not begin so is passed over.
    const cut = prefix === '' || prefix.endsWith('/') ? prefix.length : prefix.lastIndexOf('/') + 1
    const folder = cut === prefix.length ? absolute : dirname(absolute)
    const named = (end: string) => this.#placeToRead(end, { isPrefix: true }).name
    const bounds = range && { from: named(range.from), below: named(range.below) }
    yield* walk(folder, name.slice(0, cut), name, bounds)
  }

  async head(path: string): Promise<LakeFile | null> {
    const place = this.#placeToRead(path)
    const stats = await statOrNull(place.absolute)
    return stats?.isFile() ? toLakeFile(place.name, stats) : null
  }

  async read(path: string): Promise<Uint8Array> {
    const { absolute } = this.#placeToRead(path)
    return await guarded(absolute, () => readFile(absolute))
  }

  async readRange(path: string, start: number, length: number): Promise<Uint8Array> {
    const { absolute } = this.#placeToRead(path)
    return await guarded(absolute, async () => {
      const file = await open(absolute, 'r')
      try {
        const bytes = new Uint8Array(length)
        let filled = 0
        while (filled < length) {
          const { bytesRead } = await file.read(bytes, filled, length - filled, start + filled)
          if (bytesRead === 0) break
          filled += bytesRead
        }
        return bytes.subarray(0, filled)
      } finally {
        await file.close()
      }
    })
  }

  async digest(path: string): Promise<LakeDigest | null> {
    const { absolute, name } = this.#placeToRead(path)
    const stats = await statOrNull(absolute)
    if (!stats?.isFile()) return null
    const { etag, sizeBytes } = toLakeFile(name, stats)
    const hash = createHash('sha256')
    return await guarded(absolute, async () => {
      try {
        for await (const part of createReadStream(absolute, { highWaterMark: digestPartBytes })) hash.update(part)
      } catch (error) {
        if (isMissing(error)) return null
        throw error
      }
      return { sha256: hash.digest('hex'), etag, sizeBytes }
    })
  }

  async writeIfAbsent(path: string, bytes: Uint8Array): Promise<'written' | 'exists'> {
    const target = this.#place(path)
    const unfinished = join(dirname(target), `${unfinishedPrefix}${randomBytes(8).toString('hex')}`)
    return await guarded(target, async () => {
      await makeFolder(dirname(target))
      try {
        const file = await open(unfinished, 'wx')
        try {
          await file.writeFile(bytes)
          await file.sync()
        } finally {
          await file.close()
        }
        return await linkIfAbsent(unfinished, target)
      } finally {
        await unlinkIfThere(unfinished)
      }
    })
  }

  async prepareWrite(path: string): Promise<void> {
    const target = this.#place(path)
    await guarded(target, () => makeFolder(dirname(target)))
  }

  async finishWrite(path: string): Promise<void> {
    const target = this.#place(path)
    await guarded(target, async () => {
      await syncFile(target)
      await syncFile(dirname(target))
    })
  }

  async promote(from: string, to: string): Promise<'written' | 'exists'> {
    const [source, target] = [this.#place(from), this.#place(to)]
    return await guarded(target, async () => {
      if (source === target) return 'exists'
      await makeFolder(dirname(target))
      try {
        await syncFile(source)
      } catch (error) {
        // Repeated after it was done: the source is gone, the target there.
        if (isMissing(error) && (await statOrNull(target))) return 'exists'
        throw toLakeError(error, source)
      }
      const outcome = await linkIfAbsent(source, target)
      await unlinkIfThere(source)
      return outcome
    })
  }

  async replace(from: string, to: string): Promise<void> {
    const [source, target] = [this.#place(from), this.#place(to)]
    await guarded(target, async () => {
      await makeFolder(dirname(target))
      try {
        await syncFile(source)
        await rename(source, target)
        await syncFile(dirname(target))
      } catch (error) {
        // Repeated after it was done: the source is gone, the target there.
        if (!isMissing(error) || !(await statOrNull(target))) throw toLakeError(error, source)
      }
    })
  }

  async remove(path: string): Promise<void> {
    const target = this.#place(path)
    await guarded(target, () => unlinkIfThere(target))
  }

  /** @throws MillcourseError CONFIG_INVALID when the path leaves the root */
  #place(path: string, options = { isPrefix: false }): string {
    const trimmed = options.isPrefix && path.endsWith('/') ? path.slice(0, -1) : path
    const segments = trimmed.split('/')
    const isOdd = (segment: string) => segment === '..' || segment === '.' || segment === ''
    if (path.includes('\0') || (trimmed !== '' && segments.some(isOdd)) || (trimmed === '' && !options.isPrefix))
      throw invalidPath(path, 'is not a path below the root of the lake')
    return join(this.#root, ...segments)
  }

  /** Reading also takes what `uri` returned, and `file:///…`: a source may lie elsewhere. Listed names are then absolute paths. */
  #placeToRead(path: string, options = { isPrefix: false }): { readonly absolute: string; readonly name: string } {
    if (/^(?!file:)[a-z][a-z0-9+.-]*:\/\//i.test(path)) throw invalidPath(path, 'does not lie in a folder')
    const name = path.startsWith('file:') ? fromFileUri(path) : path
    if (!isAbsolute(name)) return { absolute: this.#place(name, options), name }
    const absolute = resolve(name)
    if (name !== absolute && name !== `${absolute}/`) throw invalidPath(path, 'is not a plain absolute path')
    return { absolute, name }
  }
}

/** Depth first with folders sorted as `name/`: that is the byte order of whole paths. */
async function* walk(folder: string, name: string, prefix: string, range: ListRange | null): AsyncGenerator<LakeFile> {
  const entries = await guarded(folder, () => readEntries(folder))
  const children = entries
    .filter((entry) => !entry.name.startsWith(unfinishedPrefix))
    .map((entry) => ({ entry, path: `${name}${entry.name}` }))
  const files: { readonly path: string; readonly absolute: string; readonly stats: BigIntStats }[] = []
  for (const { entry, path } of children) {
    if (!path.startsWith(prefix) || (range && !mayReach(path, range))) continue
    const absolute = join(folder, entry.name)
    const stats = await statOrNull(absolute)
    if (stats?.isDirectory()) files.push({ path: `${path}/`, absolute, stats })
    else if (stats?.isFile()) files.push({ path, absolute, stats })
  }
  files.sort((a, b) => (isBefore(a.path, b.path) ? -1 : 1))
  for (const { path, absolute, stats } of files) {
    if (stats.isDirectory()) yield* walk(absolute, path, prefix, range)
    else if (range === null || (!isBefore(path, range.from) && isBefore(path, range.below)))
      yield toLakeFile(path, stats)
  }
}

/** Whether the file, or a file below the folder, of this path may lie in the range: what begins like its ends is looked into. */
function mayReach(path: string, { from, below }: ListRange): boolean {
  return (!isBefore(path, from) || from.startsWith(path)) && (isBefore(path, below) || below.startsWith(path))
}

function isBefore(a: string, b: string): boolean {
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0
}

async function readEntries(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

function toLakeFile(path: string, stats: BigIntStats): LakeFile {
  return { path, etag: `${stats.ino}-${stats.size}-${stats.mtimeNs}`, sizeBytes: Number(stats.size) }
}

async function statOrNull(absolute: string): Promise<BigIntStats | null> {
  return await guarded(absolute, async () => {
    try {
      return await stat(absolute, { bigint: true })
    } catch (error) {
      if (isMissing(error)) return null
      throw error
    }
  })
}

async function linkIfAbsent(source: string, target: string): Promise<'written' | 'exists'> {
  try {
    await link(source, target)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return 'exists'
    throw error
  }
  await syncFile(dirname(target))
  return 'written'
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if (!isMissing(error)) throw error
  }
}

async function guarded<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw toLakeError(error, path)
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ENOTDIR'
}

function fromFileUri(uri: string): string {
  try {
    return fileURLToPath(uri)
  } catch (error) {
    throw new MillcourseError('CONFIG_INVALID', `"${uri}" is not a file URI`, {
      cause: error,
      hint: 'write it as file:///folder',
      facts: { uri },
    })
  }
}

function invalidPath(path: string, why: string): MillcourseError {
  return new MillcourseError('CONFIG_INVALID', `"${path}" ${why}`, {
    hint: 'paths lie below the root of the lake, use "/" and have no ".."',
    facts: { path },
  })
}
