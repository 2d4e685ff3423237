/** Files of caches that nothing names any more, since when. A worker of the release before removes them without looking here. */
export const unnamedFiles: readonly string[] = [
  `create table unnamed_files (
    view text, version integer, path text,
    size_bytes bigint not null,
    marked_at timestamptz not null default clock_timestamp(),
    primary key (view, version, path)
  )`,
]
