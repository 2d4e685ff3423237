/** What of a run's profile merges into that of a day or a week (core/judge/verdict.ts). A worker of the release before keeps none. */
export const runSketches: readonly string[] = [
  `create table run_sketches (run_id text primary key, body json not null)`,
]
