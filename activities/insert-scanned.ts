/** Items of the online table as rows for the query engine. */
import type { ColumnKind, ValueType, ViewBundle } from '../core/define/definitions.js'
import type { EngineValue, QuerySession } from '../core/ports/query-engine.js'
import { decodeValues, insertScannedSql, type PublishedColumns, readKey } from '../core/publish/index.js'
import type { OnlineItem } from '../core/publish/online-item.js'

/** Sequences are 64-bit integers; one that somebody else wrote may be more, and is newer than any of ours all the same. */
const sequenceMax = 2n ** 63n - 1n

/** Into the table of `createScannedSql`. How many of them: not those whose keys are none of the entity's. */
export async function insertScanned(
  session: QuerySession,
  bundle: ViewBundle,
  columns: PublishedColumns,
  items: readonly OnlineItem[],
): Promise<number> {
  const rows = items.flatMap((item) => {
    const row = scannedRow(bundle, columns, item)
    return row === null ? [] : [row]
  })
  if (rows.length > 0) {
    const parameters = rows[0]!.map((_, index) => rows.map((row) => row[index]!))
    await session.execute({ sql: insertScannedSql(columns), parameters })
  }
  return rows.length
}

/**
 * An item as `insertScannedSql` takes it; values that cannot be read equal nothing, so that they are written anew. Null: its key is none
 * of the entity's, so that no publish wrote it and nobody asks for it.
 */
function scannedRow(
  { entity, view }: ViewBundle,
  columns: PublishedColumns,
  item: OnlineItem,
): (string | null)[] | null {
  const key = readKey(entity, item.key)
  if (key === null) return null
  const values = readValues(view, columns, item)
  const kind = item.values === null ? 'empty' : values === null ? 'unknown' : 'full'
  return [
    ...key.map(asText),
    ...(values ?? columns.features.map(() => null)),
    item.eventAt?.toString() ?? null,
    (item.sequence < sequenceMax ? item.sequence : sequenceMax).toString(),
    kind,
    item.held ?? null,
  ]
}

/** As texts. */
function readValues(
  view: ViewBundle['view'],
  { features, schemaHash }: PublishedColumns,
  item: OnlineItem,
): (string | null)[] | null {
  if (item.values === null || item.schemaHash !== schemaHash) return null
  try {
    const values = decodeValues(view.features, item.values, item.schemaHash)
    return values.map((value, index) => textOf(features[index]!.type, value))
  } catch {
    // Bytes that no publish wrote.
    return null
  }
}

/** A list or map as the engine reads it: each item in quotes. */
function textOf(type: ValueType, value: EngineValue): string | null {
  if (value === null || (type.kind !== 'list' && type.kind !== 'map')) return asText(value)
  const item = (of: ValueType, one: EngineValue): string =>
    of.kind === 'list' || of.kind === 'map' ? textOf(of, one)! : quoted(of.kind, asText(one)!)
  if (type.kind === 'list') return `[${(value as readonly EngineValue[]).map((one) => item(type.of, one)).join(',')}]`
  const pairs = value as readonly (readonly [EngineValue, EngineValue])[]
  return `{${pairs.map(([key, one]) => `${item(type.key, key)}=${item(type.of, one)}`).join(',')}}`
}

function quoted(kind: ColumnKind, text: string): string {
  const written = kind === 'binary' ? text.replaceAll(/../g, (byte) => `\\x${byte}`) : text
  return `"${written.replaceAll(/["\\]/g, (special) => `\\${special}`)}"`
}

function asText(value: EngineValue): string | null {
  if (value === null) return null
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  return Object.is(value, -0) ? '-0' : String(value)
}
