/**
 * The bucket of write units that all publishes share, and the queue of backfills. A worker of the release before writes beside the one, and
 * runs at once what stands in the other: its backfills are not queued.
 */
export const writeBudget: readonly string[] = [
  `create table write_budget (
    bucket integer primary key check (bucket = 1),
    level double precision not null, filled_at numeric not null,
    scheduled_until numeric not null,
    slowed_to double precision not null, slowed_at numeric not null
  )`,
  `alter table backfills add column is_queued boolean not null default false`,
  // As its plan estimates it. Null: one of the release before.
  `alter table backfills add column dollars double precision`,
  `alter table backfills add column awaits json`,
]
