/** A restored ledger is older than the lake and the online store: what differs is found, mended in the ledger, and told. */
import { isMillcourseError } from '../../core/errors.js'
import type { Lake } from '../../core/ports/lake.js'
import type { ViewKey } from '../../core/ports/ledger.js'
import type { NamedFile, StagedLedger } from '../../core/ports/ledger-archive.js'
import type { OnlineStore } from '../../core/ports/online-store.js'
import { intervalFolderOf } from '../../core/publish/lake-paths.js'
import { isTableOfVersion, onlineTableName, sequenceOfTable } from '../../core/publish/online-table-name.js'
import { formatInstant } from '../../core/time/instant.js'

export interface ViewReconciled extends ViewKey {
  /** Starts of intervals whose rows the lake no longer has, neither in their own file nor in a compaction: they run again. */
  readonly reopened: readonly string[]
  /** The files of these intervals, and how many files of intervals the ledger names in all. */
  readonly lostFiles: readonly string[]
  readonly namedFiles: number
  /** Files that a later ledger had committed: their intervals run again, the files stay. */
  readonly unknownFiles: readonly string[]
  /** Files of intervals that count by another file, which the restored ledger names. */
  readonly laterVersions: readonly string[]
  /** The published end in the online store; null: nothing was published. */
  readonly onlineEnd: string | null
}

export interface ReconcileParts {
  readonly project: string
  readonly staged: StagedLedger
  readonly lake: Lake
  readonly online: OnlineStore
}

const becauseLost = 'the lake no longer had its file when the ledger was restored'

export async function reconcile(parts: ReconcileParts, views: readonly ViewKey[]): Promise<ViewReconciled[]> {
  const reconciled: ViewReconciled[] = []
  const tables = await parts.online.listTables()
  for (const key of views) {
    const { lost, namedFiles, ...ahead } = await compareWithLake(parts, key)
    const reopened = new Set(await parts.staged.reopenLost(key, lost, becauseLost))
    const end = await readOnlineEnd(parts, key, tables)
    await parts.staged.liftPublishing(key, end)
    reconciled.push({
      view: key.view,
      version: key.version,
      reopened: [...reopened].map(formatInstant).sort(),
      lostFiles: lost.flatMap(({ path, intervalStart }) =>
        intervalStart !== null && reopened.has(intervalStart) ? [path] : [],
      ),
      namedFiles,
      ...ahead,
      onlineEnd: end.endAt === null ? null : formatInstant(end.endAt),
    })
  }
  return reconciled
}

/** One listing a view version, not a question a file. */
async function compareWithLake({ lake, staged }: ReconcileParts, key: ViewKey) {
  const named = await staged.files(key)
  const ofIntervals = named.filter(({ intervalStart }) => intervalStart !== null)
  const committed = new Set(named.map(({ path }) => intervalFolderOf(path)))
  const unmet = new Map<string, NamedFile[]>()
  for (const file of named) unmet.set(file.path, [...(unmet.get(file.path) ?? []), file])
  const known = new Set(unmet.keys())
  const [unknownFiles, laterVersions]: [string[], string[]] = [[], []]
  for (const room of ['rows', 'tiles', 'compacted'])
    for await (const { path, sizeBytes } of lake.list(`${room}/${key.view}/v${key.version}/`)) {
      const folder = intervalFolderOf(path)
      // A coarse tile that nobody names any more is no interval's loss.
      if (!known.has(path) && folder !== null) (committed.has(folder) ? laterVersions : unknownFiles).push(path)
      const missing = unmet.get(path)?.filter((file) => file.sizeBytes !== BigInt(sizeBytes)) ?? []
      if (missing.length === 0) unmet.delete(path)
      else unmet.set(path, missing)
    }
  return { lost: [...unmet.values()].flat(), namedFiles: ofIntervals.length, unknownFiles, laterVersions }
}

/** What is online of the version, and the newest sequence that any table of it was made or written by. */
async function readOnlineEnd(parts: ReconcileParts, key: ViewKey, tables: readonly string[]) {
  const plain = onlineTableName(parts.project, key.view, key.version)
  const { named, end } = await findCounting(parts, key, tables, plain)
  const drawn = tables.map((table) => sequenceOfTable(table, plain) ?? 0n)
  const sequence = [end?.sequence ?? 0n, ...drawn].reduce((a, b) => (a > b ? a : b))
  return { sequence, endAt: end?.endAt ?? null, named }
}

/**
 * The table that counts: `named` as by `LedgerReader.onlineTable`; `end` is null where there is no table. One without an end may hold items
 * of a publish that was never finished; a first load's own table has an end only when every one of its writes was answered, so it may be
 * taken for the version's (R36).
 */
async function findCounting(
  { online, staged }: ReconcileParts,
  key: ViewKey,
  tables: readonly string[],
  plain: string,
): Promise<{ readonly named: string | null; readonly end: OnlineEnd | null }> {
  const { isPublished, named } = await staged.publishedTo(key)
  const known = named ?? (isPublished ? plain : null)
  if (known !== null) return { named, end: await readTable(online, known) }
  // First loaded after the backup, its table has a name that the ledger has not heard of.
  const candidates = tables.filter((table) => isTableOfVersion(table, plain))
  const found = (await Promise.all(candidates.map((table) => readTable(online, table)))).filter((one) => one !== null)
  const ended = found.filter(({ endAt }) => endAt !== null)
  const [newest] = (ended.length > 0 ? ended : found.filter(({ table }) => table === plain)).sort((a, b) =>
    a.sequence < b.sequence ? 1 : -1,
  )
  return newest ? { named: newest.table === plain ? null : newest.table, end: newest } : { named: null, end: null }
}

interface OnlineEnd {
  readonly table: string
  readonly sequence: bigint
  readonly endAt: bigint | null
}

async function readTable(online: OnlineStore, table: string): Promise<OnlineEnd | null> {
  try {
    if ((await online.describeTable(table)) === null) return null
    const end = await online.getEnd(table)
    return { table, sequence: end?.sequence ?? 0n, endAt: end?.endAt ?? null }
  } catch (error) {
    if (isMillcourseError(error) && error.code === 'PUBLISH_TABLE_MISSING') return null
    throw error
  }
}
