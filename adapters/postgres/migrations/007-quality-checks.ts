/** The last check of each view version, and whether a publish is to trust no cache. The release before neither checks nor is asked. */
export const qualityChecks: readonly string[] = [
  `create table quality_checks (view text, version integer, body json not null, primary key (view, version))`,
  `alter table view_versions add column rebuild_after bigint`,
]
