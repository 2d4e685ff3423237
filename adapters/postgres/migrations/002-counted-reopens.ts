/** A worker of the release before re-opens without counting: what it marks while a run is being planned may be cleared by that run. */
export const countedReopens: readonly string[] = [`alter table intervals add column reopens bigint not null default 0`]
