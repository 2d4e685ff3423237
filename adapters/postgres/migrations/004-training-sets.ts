/** Training sets and the lake files that they pin. Only what makes sets writes here, so what works with the release before goes on. */
export const trainingSets: readonly string[] = [
  `create table training_sets (
    set_id text primary key,
    mode text not null, spine_digest text not null, pinned_by text not null,
    paths text[] not null,
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null
  )`,
  `create index training_sets_by_path on training_sets using gin (paths)`,
]
