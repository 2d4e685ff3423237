/** Where the tables that a plan adds come near what the account may hold. */

export interface OnlineTables {
  readonly tables: readonly string[]
  readonly tablesMax: number
}

/** DynamoDB's limit on tables that are being made at a time. */
const concurrentTablesMax = 500
const nearShare = 0.9

/** @param wanted the tables of all view versions that are online once the plan is applied */
export function planTableWarnings({ tables, tablesMax }: OnlineTables, wanted: readonly string[]): string[] {
  const known = new Set(tables)
  const added = wanted.filter((table) => !known.has(table)).length
  const after = tables.length + added
  const warnings: string[] = []
  if (added > 0 && after > tablesMax * nearShare)
    warnings.push(
      `the account has ${tables.length} tables of ${tablesMax} in this region, this adds ${added}` +
        `${after > tablesMax ? `: the last ${after - tablesMax} will not be made` : ''}; ask AWS to raise the quota, or drop the tables of retired versions`,
    )
  if (added > concurrentTablesMax)
    warnings.push(
      `${added} tables are to be made, DynamoDB makes ${concurrentTablesMax} at a time: first publishes will wait for each other`,
    )
  return warnings
}
