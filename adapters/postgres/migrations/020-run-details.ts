/**
 * When a run's details went (core/ports/run-details-ledger.ts), and an index of those whose details are there: what is old is found without
 * reading what has gone before. A worker of the release before removes none, and of a run without details says that it kept no profile.
 */
export const runDetails: readonly string[] = [
  'alter table runs add column details_removed_at timestamptz',
  'create index runs_detailed on runs (view, version, ended_at) where details_removed_at is null',
]
