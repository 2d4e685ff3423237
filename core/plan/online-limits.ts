/** Where the tables that a plan adds come near what the account may hold. */

export interface OnlineTables {
  readonly tables: readonly string[]
  readonly tablesMax: number
}

/** DynamoDB's limit on tables that are being made at a time. */
const concurrentTablesMax = 500
const nearShare = 0.9

/** @param added how many view versions that are online once the plan is applied have no table yet */
export function planTableWarnings({ tables, tablesMax }: OnlineTables, added: number): string[] {
  const after = tables.length + added
  const warnings: string[] = []
  // Also where nothing is added: other projects add theirs, and a first load that fails leaves one or two for a while.
  if (after > tablesMax * nearShare)
    warnings.push(
      `the account has ${tables.length} tables of ${tablesMax} in this region` +
        `${added > 0 ? `, this adds ${added}` : ''}` +
        `${added > 0 && after > tablesMax ? `: the last ${Math.min(added, after - tablesMax)} will not be made` : ''}; ask AWS to raise the quota, or drop the tables of retired versions and those that \`millcourse doctor\` tells`,
    )
  if (added > concurrentTablesMax)
    warnings.push(
      `${added} tables are to be made, DynamoDB makes ${concurrentTablesMax} at a time: first publishes will wait for each other`,
    )
  return warnings
}
