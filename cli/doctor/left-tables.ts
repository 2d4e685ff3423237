/**
 * Tables of the project that nobody will drop by himself: the ledger neither serves nor loads them, nor knows them as given up. A ledger that
 * has published nothing may have taken the place of one that is lost: what that one has published is served, and a restore takes it over, so
 * nothing of it is called left.
 */
import { isMillcourseError } from '../../core/errors.js'
import type { VersionTables } from '../../core/ports/ledger.js'
import { isTableOfVersion, onlineTableName, versionTableName } from '../../core/publish/online-table-name.js'
import type { Instant } from '../../core/time/instant.js'
import type { CliContext } from '../context.js'

export interface LeftTable {
  readonly table: string
  /** Null: the endpoint does not say. */
  readonly madeAt: Instant | null
}

export interface FoundTables {
  readonly left: readonly LeftTable[]
  /** Tables of which this ledger cannot tell whether they are in use. */
  readonly untold: readonly string[]
}

interface Known {
  readonly tables: ReadonlySet<string>
  /** Plain names of applied versions of which this ledger has published nothing; null: it has published nothing at all. */
  readonly unpublished: readonly string[] | null
}

type Context = Pick<CliContext, 'project' | 'online' | 'ledger' | 'registry'>

/** @param tables listed before: a first load is in the ledger before its table is made. Null: the ledger could not be asked. */
export async function findLeftTables(context: Context, tables: readonly string[]): Promise<FoundTables | null> {
  const known = await readKnown(context)
  if (known === null) return null
  const store = await context.online()
  const unknown = tables.filter((one) => !known.tables.has(one))
  const isUntold = (table: string) =>
    known.unpublished === null || known.unpublished.some((plain) => isTableOfVersion(table, plain))
  const left: LeftTable[] = []
  for (const table of unknown.filter((one) => !isUntold(one))) {
    const found = await store.describeTable(table)
    // Gone meanwhile.
    if (found !== null) left.push({ table, madeAt: found.madeAt })
  }
  return { left, untold: unknown.filter(isUntold) }
}

async function readKnown({ project, ledger, registry }: Context): Promise<Known | null> {
  try {
    const applied = await (await registry()).current()
    if (applied === null) return { tables: new Set(), unpublished: null }
    const isApplied = ({ view, version }: VersionTables) =>
      applied.repo.views.some((one) => one.name === view && one.version === version)
    const versions = await (await ledger()).onlineTables()
    const published = versions.filter((one) => one.isPublished || one.named !== null)
    const isPublished = ({ name, version }: { name: string; version: number }) =>
      published.some((one) => one.view === name && one.version === version)
    const unpublished = applied.repo.views
      .filter((one) => !isPublished(one))
      .map(({ name, version }) => onlineTableName(project, name, version))
    const tables = new Set(
      versions.flatMap((one) => [
        // A retired version's, too: it is read for as long as it is there.
        versionTableName(project, { name: one.view, version: one.version }, one.named),
        // What a version that is published no more has given up, no publish will drop.
        ...(isApplied(one) ? one.ofAttempts : []),
      ]),
    )
    return { tables, unpublished: published.length === 0 ? null : unpublished }
  } catch (error) {
    // The lines of Postgres say what is wrong with it.
    if (isMillcourseError(error)) return null
    throw error
  }
}
