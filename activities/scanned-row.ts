/** Items of the online table as rows for the query engine. */
import type { ColumnKind, ValueType, ViewBundle } from '../core/define/definitions.js'
import type { EngineValue } from '../core/ports/query-engine.js'
import { decodeKey, decodeValues, type PublishedColumns } from '../core/publish/index.js'
import type { OnlineItem } from '../core/publish/online-item.js'

/** An item as `insertScannedSql` takes it; values that cannot be read equal nothing, so that they are written anew. */
export function scannedRow(bundle: ViewBundle, columns: PublishedColumns, item: OnlineItem): (string | null)[] {
  const values = readValues(bundle, columns, item)
  const kind = item.values === null ? 'empty' : values === null ? 'unknown' : 'full'
  return [
    ...decodeKey(bundle.entity.keys, item.key).map(asText),
    ...(values ?? columns.features.map(() => null)).map((value, index) => textOf(columns.features[index]!.type, value)),
    item.eventAt?.toString() ?? null,
    item.sequence.toString(),
    kind,
  ]
}

function readValues({ view }: ViewBundle, { schemaHash }: PublishedColumns, item: OnlineItem): EngineValue[] | null {
  if (item.values === null || item.schemaHash !== schemaHash) return null
  try {
    return decodeValues(view.features, item.values, item.schemaHash)
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
