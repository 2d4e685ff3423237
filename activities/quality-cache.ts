/** The cache of what is online, of some keys, beside their items. */
import type { ViewBundle } from '../core/define/definitions.js'
import { createKeys, keyText } from '../core/explain/index.js'
import type { CancelSignal } from '../core/ports/cancel-signal.js'
import type { ShownState } from '../core/ports/ledger-quality.js'
import {
  cachedOtherwiseSql,
  createOnlyKeysSql,
  createPublishedSql,
  createScannedSql,
  type OnlineItem,
  type PackedValue,
  publishedColumns,
} from '../core/publish/index.js'
import type { ActivityDeps } from './activity-deps.js'
import { insertScanned } from './insert-scanned.js'
import { awayFor, fileNotRead, isFileAtFault, passingMax } from './unreadable-files.js'

const keysTable = '__quality_cache_keys'
const onlyTable = '__quality_cache_only'

/** Keys, as `keyText`, of which the cache says otherwise; `lost`: one of its files is missing or unreadable. */
export async function cachedOtherwise(
  deps: ActivityDeps,
  bundle: ViewBundle,
  { files }: NonNullable<ShownState['published']>,
  keys: readonly (readonly PackedValue[])[],
  items: readonly OnlineItem[],
  signal: CancelSignal,
): Promise<ReadonlySet<string> | 'lost'> {
  const columns = publishedColumns(bundle)
  const base = files.find(({ kind }) => kind === 'base')
  const deltas = files.filter(({ kind }) => kind === 'delta').map(({ path }) => deps.lake.uri(path))
  const from = { base: base === undefined ? null : deps.lake.uri(base.path), deltas }
  const uris = [...(from.base === null ? [] : [from.base]), ...deltas]
  for (let passed = 0; ; )
    try {
      return await deps.engine.withSession(
        async (session) => {
          const asked = keys.map((key) => ({ key, at: 0n }))
          await session.execute(createKeys(bundle, asked, keysTable))
          await session.execute({ sql: createOnlyKeysSql(columns, keysTable, onlyTable) })
          await session.execute({ sql: createPublishedSql(columns, from, onlyTable) })
          await session.execute({ sql: createScannedSql(columns) })
          await insertScanned(session, bundle, columns, items)
          const found = await session.all({ sql: cachedOtherwiseSql(columns) })
          return new Set(
            found.map((row) =>
              keyText(
                bundle,
                columns.keys.map(({ alias }) => row[alias]),
              ),
            ),
          )
        },
        { signal },
      )
    } catch (error) {
      const file = fileNotRead(error)
      if (file === null || !uris.includes(file)) throw error
      if (await isFileAtFault(deps, error, file, { others: uris.toReversed(), signal })) return 'lost'
      if (++passed > passingMax) throw awayFor(error, file)
    }
}
