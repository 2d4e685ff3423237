/**
 * What each committed file was when it was committed, so that one that was changed since is told by itself. Null where a worker of the release
 * before has written it; a compaction's files say so in their own list.
 */
export const committedDigests: readonly string[] = [`alter table commits add column sha256 text, add column etag text`]
