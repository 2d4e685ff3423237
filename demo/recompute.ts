/** The demo's own truth: the raw files read row by row, every feature recomputed by the slow reference of the tests, no SQL of the product. */
import { join } from 'node:path'
import type { Feature, ViewBundle } from '../core/define/definitions.js'
import type { QueryEngine } from '../core/ports/query-engine.js'
import { parseDuration } from '../core/time/duration.js'
import { type Instant, parseInstant } from '../core/time/instant.js'
import { answerOfRows } from '../test/reference/aggregates.js'
import { lookup, type Row, type Rules, rowsOf, type Value, window } from '../test/reference/point-in-time.js'

export interface Truth {
  /** Every key that any row has, as text of its parts. */
  readonly keys: ReadonlyMap<string, readonly Value[]>
  /** What the view's features are for the key at `t`; null: a lookup view has no row. */
  featuresAt(
    key: readonly Value[],
    t: Instant,
  ): {
    readonly eventAt: Instant | null
    /** A row is found, or one lies in some window. */
    readonly isPresent: boolean
    readonly values: Readonly<Record<string, Value>>
  } | null
}

export type RawRows = readonly Readonly<Record<string, Value>>[]

/** All flights that have arrived. */
export async function readRawRows(engine: QueryEngine, repoDir: string): Promise<RawRows> {
  const files = join(repoDir, 'data', 'flights', '*', '*', '*.parquet').replaceAll("'", "''")
  return engine.withSession((session) =>
    session.all({
      sql: `SELECT date, delay, distance, origin, destination FROM read_parquet('${files}', hive_partitioning = false)`,
    }),
  ) as Promise<RawRows>
}

export function truthOf({ view, source }: ViewBundle, raw: RawRows): Truth {
  const rules: Rules = { visibility: 'event', within: null, ttl: null }
  const byKey = new Map<string, Row[]>()
  const keys = new Map<string, readonly Value[]>()
  for (const columns of raw) {
    const key = view.keyColumns.map(({ column }) => columns[column] ?? null)
    const text = keyText(key)
    const row: Row = {
      key,
      event: columns[source.eventTime] as bigint,
      created: null,
      id: null,
      isDeleted: null,
      columns,
    }
    if (!byKey.get(text)?.push(row)) byKey.set(text, [row])
    keys.set(text, key)
  }
  const ordered = new Map<string, readonly Row[]>()
  /** In the reference's order, the same at each `t` where event times alone decide: it orders them for each answer, soon done if they are. */
  const rowsOfKey = (key: readonly Value[]): readonly Row[] => {
    const text = keyText(key)
    const rows = ordered.get(text) ?? rowsOf(byKey.get(text) ?? [], key, 0n, rules)
    ordered.set(text, rows)
    return rows
  }
  const rowsInWindow = (feature: Feature, rows: readonly Row[], key: readonly Value[], t: Instant): readonly Row[] =>
    feature.kind === 'window'
      ? window(rows, key, t, rules, feature.over === 'lifetime' ? null : parseDuration(feature.over))
      : []
  return {
    keys,
    featuresAt(key, t) {
      const rows = rowsOfKey(key)
      if (view.viewKind === 'window') {
        const windows = view.features.map((feature) => ({ feature, inWindow: rowsInWindow(feature, rows, key, t) }))
        return {
          eventAt: null,
          isPresent: windows.some(({ inWindow }) => inWindow.length > 0),
          values: Object.fromEntries(
            windows.map(({ feature, inWindow }) => [
              feature.name,
              feature.kind === 'window' ? (answerOfRows(feature, source, inWindow) as Value) : null,
            ]),
          ),
        }
      }
      const row = lookup(rows, key, t, { ...rules, ttl: view.ttl === null ? null : parseDuration(view.ttl) })
      if (!row) return null
      return {
        eventAt: row.event,
        isPresent: true,
        values: Object.fromEntries(
          view.features.map((feature) => [feature.name, row.columns[feature.column!] ?? null]),
        ),
      }
    },
  }
}

export function keyText(key: readonly Value[]): string {
  return key.map(String).join('→')
}

/** R9: a tiled view answers at the last tile edge. */
export function answerTime({ view }: ViewBundle, t: Instant): Instant {
  if (view.viewKind === 'lookup') return t
  const tile = parseDuration(view.tile!)
  const since = parseInstant('1970-01-01T00:00:00Z')
  return since + ((t - since) / tile) * tile
}
