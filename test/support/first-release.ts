/** What the ledger of the first release did not have: a backup of today less these is one of that release. */

export const tablesSinceFirst: readonly string[] = [
  ...['training_sets', 'compactions', 'quality_checks', 'unnamed_files', 'run_files'],
  ...['incident_events', 'watch_duty', 'run_sketches', 'schedule_marks'],
  ...['backfill_plans', 'backfills', 'backfill_intervals', 'spends', 'daily_spends', 'write_budget'],
]

/** The last columns of their tables, in their order. */
export const columnsSinceFirst: Readonly<Record<string, readonly string[]>> = {
  commits: [
    ...['removing_at', 'removed_at', 'backfill_id', 'sha256', 'etag'],
    ...['held_features', 'of_run', 'held_rejected'],
  ],
  incidents: ['news'],
  runs: ['backfill_id', 'pinned_at', 'details_removed_at', 'waited_for', 'named_source'],
  intervals: ['reopens'],
  publishes: ['is_first_load', 'backfills', 'held'],
  view_versions: [
    ...['online_table', 'attempt_tables', 'given_up_commit', 'rebuild_after'],
    ...['awaited', 'last_rebuild', 'lease_wanted_at'],
  ],
}
