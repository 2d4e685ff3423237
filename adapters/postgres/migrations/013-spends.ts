/**
 * What work has cost: what each process spent on a run or other subject, and the sums by day, view and kind of work. A worker of the
 * release before records nothing of it.
 */
const amounts = `
  write_units float8 not null, read_units float8 not null, estimated_units float8 not null,
  s3_writes float8 not null, s3_reads float8 not null, s3_bytes_written float8 not null, s3_bytes_read float8 not null,
  engine_seconds float8 not null, items_written float8 not null, keys_unchanged float8 not null`

export const spends: readonly string[] = [
  `create table spends (
    spend_id text primary key,
    day text not null,
    view text not null, version integer not null,
    work text not null, subject text not null, backfill_id text,
    told_at timestamptz not null default clock_timestamp(),${amounts}
  )`,
  `create index spends_of_subject on spends (subject)`,
  `create index spends_of_view on spends (view, day)`,
  `create table daily_spends (
    day text, view text, version integer, work text,${amounts},
    primary key (day, view, version, work)
  )`,
]
