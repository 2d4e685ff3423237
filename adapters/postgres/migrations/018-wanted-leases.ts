/** That a scheduled publish waits for a lease. A worker of the release before says nothing of it, and so waits as long as it did. */
export const wantedLeases: readonly string[] = ['alter table view_versions add column lease_wanted_at timestamptz']
