/**
 * Features held alone (R35): those that a commit leaves out, and what a publish of windows showed of them instead. A worker of the release
 * before reads such a commit whole: definitions say `hold-feature` once every process is of this release (docs/upgrading.md).
 */
export const heldFeatures: readonly string[] = [
  // The first commit of a run bears its id; one that a decision makes of its features bears the decision's, and the run's beside it.
  `alter table commits add column held_features text[], add column of_run text, add column held_rejected boolean not null default false`,
  `create index commits_holding on commits (view, version) where held_features is not null and superseded_by is null`,
  `alter table publishes add column held json`,
]
