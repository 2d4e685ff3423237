/** A publish that cost three workers, remembered, so that no tick begins it again. The release before goes on beginning it. */
export const givenUpPublishes: readonly string[] = [`alter table view_versions add column given_up_commit bigint`]
