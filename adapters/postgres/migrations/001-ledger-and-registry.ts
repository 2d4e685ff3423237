export const ledgerAndRegistry: readonly string[] = [
  `create table view_versions (
    view text, version integer,
    last_sequence bigint not null default 0,
    finished_sequence bigint not null default 0,
    end_floor_at numeric,
    published_generation bigint not null default 0,
    table_identity text,
    lease_sequence bigint, lease_owner text, lease_workflow_run_id text, lease_ms integer, lease_renewed_at timestamptz,
    primary key (view, version)
  )`,

  `create table intervals (
    view text, version integer, start_at numeric, end_at numeric,
    last_number integer not null default 0,
    commit_id bigint,
    reopened_because text,
    primary key (view, version, start_at, end_at),
    check (start_at < end_at)
  )`,
  `create index intervals_by_end on intervals (view, version, end_at)`,

  `create table runs (
    ordinal bigint generated always as identity unique,
    run_id text primary key,
    view text not null, version integer not null, start_at numeric not null, end_at numeric not null,
    kind text not null, definition_hash text not null, workflow_id text not null, temporal_run_id text not null,
    number integer, supersedes bigint,
    outcome text not null default 'running',
    started_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    pinned_files json, inputs_hash text,
    candidate json, profile json, verdict json, error json, error_code text, key_counts json, measures json,
    unique (view, version, start_at, end_at, number)
  )`,
  `create index runs_by_interval on runs (view, version, start_at, end_at, ordinal desc)`,
  `create index runs_by_view on runs (view, version, ordinal desc)`,
  `create index runs_by_outcome on runs (outcome, ordinal desc)`,

  `create table commits (
    commit_id bigint generated always as identity primary key,
    view text not null, version integer not null, start_at numeric not null, end_at numeric not null,
    run_id text not null unique, number integer not null,
    path text, rows bigint, size_bytes bigint,
    is_rejected boolean not null,
    supersedes bigint, superseded_by bigint, published_sequence bigint,
    committed_at timestamptz not null default clock_timestamp()
  )`,
  `create index commits_by_interval on commits (view, version, start_at, end_at, commit_id desc)`,
  `create index commits_by_end on commits (view, version, end_at)`,
  `create index commits_by_id on commits (view, version, commit_id desc)`,
  `create index commits_unmarked on commits (view, version) where published_sequence is null`,

  `create table coarse_tiles (
    view text, version integer, start_at numeric, end_at numeric,
    path text, rows bigint, size_bytes bigint, commit_ids bigint[] not null,
    primary key (view, version, start_at, end_at)
  )`,
  `create index coarse_tiles_by_end on coarse_tiles (view, version, end_at)`,

  `create table decisions (
    decision_id text primary key,
    ordinal bigint generated always as identity,
    view text not null, version integer not null, start_at numeric not null, end_at numeric not null,
    action text not null, run_id text, reason text not null, decided_by text not null,
    requested_at timestamptz not null default clock_timestamp(),
    applied_at timestamptz, outcome text, outcome_commit_id bigint, outcome_by_run_id text
  )`,
  `create unique index decisions_pending on decisions (view, version, start_at, end_at) where applied_at is null`,

  `create table publishes (
    view text, version integer, sequence bigint,
    state text not null,
    owner text not null, workflow_run_id text not null, table_name text not null,
    end_at numeric not null, missing json not null, reached_from numeric,
    covered bigint[] not null, commit_horizon bigint not null, published_generation bigint not null,
    delta json, key_counts json, items_written integer,
    opened_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    primary key (view, version, sequence)
  )`,
  `create unique index publishes_open on publishes (view, version) where state = 'open'`,

  `create table published_files (
    view text, version integer, sequence bigint, kind text, path text not null, digest text not null,
    primary key (view, version, sequence, kind)
  )`,

  `create table indexed_files (
    source text, uri text, etag text,
    size_bytes bigint not null, event_min numeric, event_max numeric, rows bigint not null,
    primary key (source, uri, etag)
  )`,
  `create index indexed_files_by_time on indexed_files (source, event_max)`,

  `create table incidents (
    incident_id bigint generated always as identity primary key,
    key text not null, is_open boolean not null, body json not null
  )`,
  `create unique index incidents_open on incidents (key) where is_open`,

  `create table audit (
    audit_id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    acted_by text not null, action text not null, subject text not null, reason text
  )`,

  `create table revisions (
    revision integer primary key,
    applied_at timestamptz not null default clock_timestamp(),
    applied_by text not null
  )`,
  `create table definitions (
    kind text, name text, version integer, since_revision integer references revisions, until_revision integer,
    hash text not null, body json not null,
    primary key (kind, name, version, since_revision)
  )`,
  `create unique index definitions_applied on definitions (kind, name, version) where until_revision is null`,
]
