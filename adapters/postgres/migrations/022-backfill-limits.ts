/** What each backfill may cost without approval: a retry of it keeps that. A worker of the release before neither writes nor reads it. */
export const backfillLimits: readonly string[] = [
  // US dollars. Null: no limit, or one of the release before.
  `alter table backfills add column cost_max double precision`,
]
