/**
 * Files by path below one root, a folder or a bucket's prefix. The product holds two: its own lake, and the root below which
 * relative source paths lie. Data is read and written by the query engine through `uri`; this port lists, checks and commits.
 *
 * Every method may be repeated. Paths use `/`, have no leading slash, and never leave the root (@throws CONFIG_INVALID);
 * `list`, `head`, `read`, `readRange` and `digest` also take what `uri` returned, and name files the same way.
 * @throws MillcourseError LAKE_UNREACHABLE, LAKE_THROTTLED, LAKE_ACCESS_DENIED, LAKE_BUCKET_MISSING, LAKE_FULL
 */
export interface Lake {
  /** What the query engine reads or writes: `/abs/path` or `s3://…`. An absolute URI is returned as it is. */
  uri(path: string): string
  /**
   * Files whose path begins with `prefix`, in byte order of path, subfolders included. An absent prefix is an empty listing. One
   * request brings up to a thousand; of a range, no more are asked for than lie in it.
   */
  list(prefix: string, range?: ListRange): AsyncIterable<LakeFile>
  /** Null: there is no such file. */
  head(path: string): Promise<LakeFile | null>
  /** @throws MillcourseError LAKE_FILE_MISSING */
  read(path: string): Promise<Uint8Array>
  /** So many bytes from byte `start` on, fewer where the file ends before. @throws MillcourseError LAKE_FILE_MISSING */
  readRange(path: string, start: number, length: number): Promise<Uint8Array>
  /** What it holds, all of it read; null: there is no such file. */
  digest(path: string): Promise<LakeDigest | null>
  /** Writes all or nothing; readers never see half a file. `exists`: nothing was written. */
  writeIfAbsent(path: string, bytes: Uint8Array): Promise<'written' | 'exists'>
  /** Makes the folder of `path` where the technology needs one, so that the query engine can write there. */
  prepareWrite(path: string): Promise<void>
  /** What the query engine has written there outlives a power cut from now on: to be called before the ledger names it. */
  finishWrite(path: string): Promise<void>
  /** Moves a file that the query engine has finished to its final name, all or nothing; `exists`: the source is removed, the target kept. */
  promote(from: string, to: string): Promise<'written' | 'exists'>
  /** The same onto whatever is there: whoever reads `to` meanwhile finds the old file or the new one. */
  replace(from: string, to: string): Promise<void>
  /** No error where it is absent. */
  remove(path: string): Promise<void>
}

/** Paths with `from <= path < below` in byte order; both begin with the prefix. */
export interface ListRange {
  readonly from: string
  readonly below: string
}

export interface LakeFile {
  readonly path: string
  /** Changes whenever the content does; for a folder made of inode, size and modification time in ns. */
  readonly etag: string
  readonly sizeBytes: number
}

export interface LakeDigest extends Omit<LakeFile, 'path'> {
  /** Hex. */
  readonly sha256: string
}
