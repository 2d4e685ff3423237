/**
 * Which commits at fault a rebuild waits for, and the last that finished. A worker of the release before waits for none and notes none: what it
 * rebuilds from a damaged file the next check finds.
 */
export const awaitedRebuilds: readonly string[] = [
  `alter table view_versions
    add column awaited bigint[] not null default '{}', add column last_rebuild bigint not null default 0`,
]
