/**
 * The published-state cache: which values are online, told by files in the lake instead of by reading DynamoDB. Its files are a base
 * and the deltas since; where they cannot be trusted, a scan of the table under the lease takes their place.
 */

import type { ViewBundle } from '../core/define/definitions.js'
import { isMillcourseError, MillcourseError } from '../core/errors.js'
import type { Publish } from '../core/ports/ledger.js'
import type { QuerySession } from '../core/ports/query-engine.js'
import type { DeltaFile, PublishedFile } from '../core/publish/delta.js'
import {
  checksumSql,
  countRowsSql,
  createScannedSql,
  hasFile,
  type PublishedColumns,
  type PublishedFiles,
  publishedPath,
  writeBaseSql,
  writeScannedSql,
} from '../core/publish/index.js'
import type { ActivityDeps } from './activity-deps.js'
import { insertScanned } from './insert-scanned.js'

/** More deltas than this are merged into a new base. */
const deltasMax = 32

/** What all parts of one publish share. */
export interface PublishContext {
  readonly deps: ActivityDeps
  readonly bundle: ViewBundle
  readonly columns: PublishedColumns
  readonly publish: Publish
  /** The cache's files are there, of this table, and their footers whole; looked at once a publish: the rest is met where it is read. */
  readonly isCacheUsable: boolean
}

export interface PublishedState {
  readonly files: PublishedFiles
  /** The cache could not be used: the table was scanned, and every key has to be compared. */
  readonly isRebuilt: boolean
}

/** The cache where it can be trusted, else a scan of the table as it is now. */
export async function readPublishedState(context: PublishContext, session: QuerySession): Promise<PublishedState> {
  if (context.isCacheUsable) return { files: cachedFiles(context), isRebuilt: false }
  // Its table is not made before the delta is recorded.
  if (context.publish.isFirstLoad) return { files: { base: null, deltas: [] }, isRebuilt: true }
  return await rebuildPublishedState(context, session)
}

export async function rebuildPublishedState(context: PublishContext, session: QuerySession): Promise<PublishedState> {
  return { files: { base: await scanTable(context, session), deltas: [] }, isRebuilt: true }
}

/**
 * What the ledger should keep instead of the cache's files once this publish is finished; null: nothing, its delta is added to them.
 * @param isRebuilt the delta was computed from a scan: the cache's files are not to be trusted, whatever their footers say
 */
export async function mergePublishedState(
  context: PublishContext,
  delta: { readonly file: DeltaFile; readonly isRebuilt: boolean },
): Promise<PublishedFile | null> {
  const { deps, bundle, columns, publish } = context
  // The table was empty and nobody else wrote into it: what is online is the delta.
  if (publish.isFirstLoad) return null
  const isCacheUsable = context.isCacheUsable && !delta.isRebuilt
  if (isCacheUsable && publish.published!.files.length <= deltasMax) return null
  const path = publishedPath(bundle.view, 'base', publish)
  await deps.lake.prepareWrite(path)
  const own = hasFile(delta.file) ? [deps.lake.uri(delta.file.path)] : []
  await deps.engine.withSession(async (session) => {
    const merge = ({ base, deltas }: PublishedFiles) =>
      session.execute({ sql: writeBaseSql(columns, { base, deltas: [...deltas, ...own] }, deps.lake.uri(path)) })
    // Every item of the delta is online by now, so a scan brings them, too.
    const scan = async () => merge({ base: await scanTable(context, session), deltas: [] })
    if (!isCacheUsable) return await scan()
    try {
      await merge(cachedFiles(context))
    } catch (error) {
      // Damaged behind its footer, and not met before: by a continued publish, or one that had nothing to compare.
      if (!isFileLost(error)) throw error
      await scan()
    }
  })
  await deps.lake.remove(publishedPath(bundle.view, 'scan', publish))
  const { digest } = await readChecksum(deps, path)
  return { path, digest, sequence: publish.sequence, kind: 'base' }
}

/** Rows and digest of a file in the lake. @throws MillcourseError PUBLISH_DELTA_LOST where it is missing or unreadable */
export async function readChecksum(
  deps: ActivityDeps,
  path: string,
): Promise<{ readonly rows: number; readonly digest: string }> {
  try {
    const [row] = await deps.engine.withSession((session) => session.all({ sql: checksumSql(deps.lake.uri(path)) }), {
      isLight: true,
    })
    const rows = Number(row!.rows)
    return {
      rows,
      digest: `${rows}-${BigInt((row!.checksum as bigint | null) ?? 0n)
        .toString(16)
        .padStart(32, '0')}`,
    }
  } catch (error) {
    if (!isFileLost(error)) throw error
    throw new MillcourseError('PUBLISH_DELTA_LOST', `${path} is missing or unreadable`, {
      cause: error,
      hint: 'nothing is lost: the next publish writes all keys anew',
      facts: { file: path },
    })
  }
}

export function isFileLost(error: unknown): boolean {
  return isMillcourseError(error) && (error.code === 'SOURCE_FILE_MISSING' || error.code === 'SOURCE_FILE_CORRUPT')
}

/** Its URI; null: `error` names none. */
export function lostFile(error: unknown): string | null {
  const file = isMillcourseError(error) ? error.detail.facts?.file : undefined
  return typeof file === 'string' ? file : null
}

/** Whether what is online can be told from the cache's files. */
export async function canUseCache(deps: ActivityDeps, { published }: Publish, tableIdentity: string): Promise<boolean> {
  if (published === null || published.tableIdentity !== tableIdentity) return false
  if (published.files.length === 0) return true
  const expected = new Map(published.files.map(({ path, digest }) => [deps.lake.uri(path), digest.split('-')[0]]))
  try {
    // Footers only: a file damaged further in is met when it is read.
    const rows = await deps.engine.withSession((session) => session.all({ sql: countRowsSql([...expected.keys()]) }), {
      isLight: true,
    })
    return rows.every((row) => expected.get(String(row.file)) === String(row.rows))
  } catch (error) {
    if (isFileLost(error)) return false
    throw error
  }
}

function cachedFiles({ deps, publish }: PublishContext): PublishedFiles {
  const files = publish.published?.files ?? []
  const base = files.find(({ kind }) => kind === 'base')
  return {
    base: base === undefined ? null : deps.lake.uri(base.path),
    deltas: files.filter(({ kind }) => kind === 'delta').map(({ path }) => deps.lake.uri(path)),
  }
}

/** The table as it is, as a file. Values packed with another schema, or that cannot be read, equal nothing, so they are written anew. */
async function scanTable({ deps, bundle, columns, publish }: PublishContext, session: QuerySession): Promise<string> {
  const path = publishedPath(bundle.view, 'scan', publish)
  await deps.lake.prepareWrite(path)
  await session.execute({ sql: createScannedSql(columns) })
  let passed = 0
  for await (const page of deps.online.scan(publish.table))
    passed += page.length - (await insertScanned(session, bundle, columns, page))
  const { view, version, table } = publish
  if (passed > 0)
    deps.log.warn(
      { view, version, table, items: passed },
      'items whose keys are none of the entity are left as they are',
    )
  await session.execute({ sql: writeScannedSql(columns, deps.lake.uri(path)) })
  return deps.lake.uri(path)
}
