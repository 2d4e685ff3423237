import type { Lake, LakeDigest, LakeFile, ListRange } from '../core/ports/lake.js'

export interface RoutedLakeParts {
  /** Where relative paths lie. */
  readonly root: Lake
  /** Absolute paths and `file:///…`. */
  readonly files: Lake
  /** `s3://…`; opened when the first such path is looked at. */
  readonly s3: () => Promise<Lake>
}

/** A source's path may name a place of its own: it is read there, whatever the root of relative paths. Writes go to the root. */
export class RoutedLake implements Lake {
  readonly #parts: RoutedLakeParts

  constructor(parts: RoutedLakeParts) {
    this.#parts = parts
  }

  uri(path: string): string {
    if (isInS3(path)) return path
    return isAbsolute(path) ? this.#parts.files.uri(path) : this.#parts.root.uri(path)
  }

  async *list(prefix: string, range?: ListRange): AsyncIterable<LakeFile> {
    yield* (await this.#home(prefix)).list(prefix, range)
  }

  async head(path: string): Promise<LakeFile | null> {
    return (await this.#home(path)).head(path)
  }

  async read(path: string): Promise<Uint8Array> {
    return (await this.#home(path)).read(path)
  }

  async readRange(path: string, start: number, length: number): Promise<Uint8Array> {
    return (await this.#home(path)).readRange(path, start, length)
  }

  async digest(path: string): Promise<LakeDigest | null> {
    return (await this.#home(path)).digest(path)
  }

  writeIfAbsent(path: string, bytes: Uint8Array): Promise<'written' | 'exists'> {
    return this.#parts.root.writeIfAbsent(path, bytes)
  }

  prepareWrite(path: string): Promise<void> {
    return this.#parts.root.prepareWrite(path)
  }

  finishWrite(path: string): Promise<void> {
    return this.#parts.root.finishWrite(path)
  }

  promote(from: string, to: string): Promise<'written' | 'exists'> {
    return this.#parts.root.promote(from, to)
  }

  replace(from: string, to: string): Promise<void> {
    return this.#parts.root.replace(from, to)
  }

  remove(path: string): Promise<void> {
    return this.#parts.root.remove(path)
  }

  async #home(path: string): Promise<Lake> {
    if (isInS3(path)) return this.#parts.s3()
    return isAbsolute(path) ? this.#parts.files : this.#parts.root
  }
}

function isInS3(path: string): boolean {
  return path.startsWith('s3://')
}

function isAbsolute(path: string): boolean {
  return path.startsWith('/') || path.startsWith('file:')
}
