/** Candidates and rejected rows of runs, from when they are to go: a worker of the release before keeps them. */
export const runFiles: readonly string[] = [
  `create table run_files (
    room text, run_id text,
    view text not null, version integer not null,
    marked_at timestamptz not null default clock_timestamp(),
    removed_at timestamptz,
    primary key (run_id, room)
  )`,
  `create index run_files_removing on run_files (view, version) where removed_at is null`,
]
