/**
 * Backfills, their plans and intervals; which runs and commits are a backfill's, and which backfills a publish left out. A worker of the
 * release before publishes what a backfill has committed so far with the next run: earlier than meant, and nothing wrong.
 */
export const backfills: readonly string[] = [
  `create table backfill_plans (
    plan_id text primary key,
    view text not null, version integer not null,
    body json not null,
    made_at timestamptz not null default clock_timestamp()
  )`,
  `create table backfills (
    backfill_id text primary key,
    ordinal bigint generated always as identity,
    plan_id text not null,
    view text not null, version integer not null,
    start_at numeric not null, end_at numeric not null,
    state text not null,
    options json not null,
    retry_of text,
    asked_by text not null,
    reason text not null,
    asked_at timestamptz not null default clock_timestamp(),
    pretended_now numeric,
    ended_at timestamptz,
    error json
  )`,
  `create index backfills_open on backfills (view, version) where ended_at is null`,
  `create table backfill_intervals (
    backfill_id text, position integer,
    start_at numeric not null, end_at numeric not null,
    need text not null,
    primary key (backfill_id, position)
  )`,
  `alter table runs add column backfill_id text`,
  `create index runs_of_backfill on runs (backfill_id, start_at) where backfill_id is not null`,
  `alter table commits add column backfill_id text`,
  `create index commits_of_backfill on commits (backfill_id, start_at) where backfill_id is not null`,
  `alter table publishes add column backfills text[] not null default '{}'`,
]
