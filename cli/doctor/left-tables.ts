/** Tables of the project that nobody will drop by himself: the ledger neither serves nor loads them, nor knows them as given up. */
import { isMillcourseError } from '../../core/errors.js'
import type { VersionTables } from '../../core/ports/ledger.js'
import { versionTableName } from '../../core/publish/online-table-name.js'
import type { Instant } from '../../core/time/instant.js'
import type { CliContext } from '../context.js'

export interface LeftTable {
  readonly table: string
  /** Null: the endpoint does not say. */
  readonly madeAt: Instant | null
}

type Context = Pick<CliContext, 'project' | 'online' | 'ledger' | 'registry'>

/** @param tables listed before: a first load is in the ledger before its table is made. Null: the ledger could not be asked. */
export async function findLeftTables(context: Context, tables: readonly string[]): Promise<LeftTable[] | null> {
  const known = await readKnown(context)
  if (known === null) return null
  const store = await context.online()
  const left: LeftTable[] = []
  for (const table of tables.filter((one) => !known.has(one))) {
    const found = await store.describeTable(table)
    // Gone meanwhile.
    if (found !== null) left.push({ table, madeAt: found.madeAt })
  }
  return left
}

async function readKnown({ project, ledger, registry }: Context): Promise<ReadonlySet<string> | null> {
  try {
    const applied = await (await registry()).current()
    if (applied === null) return new Set()
    const isApplied = ({ view, version }: VersionTables) =>
      applied.repo.views.some((one) => one.name === view && one.version === version)
    const versions = await (await ledger()).onlineTables()
    return new Set(
      versions.flatMap((one) => [
        // A retired version's, too: it is read for as long as it is there.
        versionTableName(project, { name: one.view, version: one.version }, one.named),
        // What a version that is published no more has given up, no publish will drop.
        ...(isApplied(one) ? one.ofAttempts : []),
      ]),
    )
  } catch (error) {
    // The lines of Postgres say what is wrong with it.
    if (isMillcourseError(error)) return null
    throw error
  }
}
