/**
 * What became of each incident and what is still to be told, and which of several watchers is on duty. A watcher of the release before goes
 * on writing incidents without a history.
 */
export const incidentLives: readonly string[] = [
  `alter table incidents add column news text`,
  `create index incidents_by_key on incidents (key, incident_id)`,
  `create table incident_events (
    event_id bigint generated always as identity primary key,
    incident_id bigint not null references incidents,
    event text not null, at text not null, acted_by text, note text, body json not null,
    is_quiet boolean not null, told_at timestamptz
  )`,
  `create index incident_events_by_incident on incident_events (incident_id, event_id)`,
  `create index incident_events_untold on incident_events (event_id) where told_at is null and not is_quiet`,
  `create table watch_duty (
    duty integer primary key check (duty = 1),
    owner text not null, lease_ms integer not null, renewed_at timestamptz not null
  )`,
  // What a run waited for its source before is not its own time. Null: a worker of the release before planned it.
  `alter table runs add column pinned_at timestamptz`,
]
