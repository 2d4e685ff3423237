/**
 * Compactions, and the commits whose own file is to be read no longer. A worker of the release before goes on reading own files: it has to
 * be gone when the first of them are removed, a retention after the first compaction (docs/upgrading.md).
 */
export const compactions: readonly string[] = [
  `create table compactions (
    compaction_id bigint generated always as identity primary key,
    view text not null, version integer not null, start_at numeric not null, end_at numeric not null,
    state text not null,
    commit_ids bigint[] not null default '{}',
    files json,
    started_at timestamptz not null default clock_timestamp(),
    recorded_at timestamptz, superseded_at timestamptz, removing_at timestamptz,
    check (start_at < end_at)
  )`,
  `create index compactions_by_end on compactions (view, version, end_at)`,
  `alter table commits add column removing_at timestamptz`,
  `alter table commits add column removed_at timestamptz`,
  `create index commits_removing on commits (view, version) where removing_at is not null and removed_at is null`,
]
