/** Writes a delta's items in key order, part by part; heartbeats carry the cursor of what is acknowledged. */

import type { ValueType } from '../core/define/definitions.js'
import { assert } from '../core/errors.js'
import type { CancelSignal } from '../core/ports/cancel-signal.js'
import type { LeaseResult } from '../core/ports/ledger.js'
import type { LoadOutcome, OnlineWrite, WriteOptions } from '../core/ports/online-store.js'
import type { EngineRow, EngineValue } from '../core/ports/query-engine.js'
import { noTelemetry } from '../core/ports/telemetry.js'
import { encodeKey, encodeValues, onlineExpirySeconds, readDeltaSql } from '../core/publish/index.js'
import { parseDuration } from '../core/time/duration.js'
import type { Delta } from './publish-delta.js'
import type { PublishLease } from './publish-lease.js'
import type { PublishContext } from './publish-state.js'
import { type PermitOptions, writePermits } from './write-permits.js'

/** How far a publish got: JSON-safe, kept in the activity's heartbeat. */
export interface PublishCursor {
  readonly sequence: string
  /** Items of the delta, in its order, whose write is acknowledged. */
  readonly items: number
}

export interface WriteProgress {
  readonly from: number
  readonly signal: CancelSignal
  /** Whose share of the write budget it takes. */
  readonly by: PermitOptions['by']
  heartbeat(cursor: PublishCursor): void
}

/** Rows of the delta held at once, and as many read while they are written: so that reading costs no time of its own. */
const rowsHeldMin = 10_000
/** Of the first read, for which writing waits. */
const rowsFirst = 1_000
/** Acknowledged items between two heartbeats inside a part. */
const heartbeatItems = 500

/** `unknown`: of a first load, a request may land at any later time; its table cannot be finished. */
export type WriteResult = LeaseResult | 'unknown'

export interface Written {
  readonly result: WriteResult
  readonly itemsWritten: number
  /** Keys whose write was refused, of those that were tried last; none unless `result` is `overtaken`. */
  readonly refused: readonly Uint8Array[]
}

export async function writeDelta(
  context: PublishContext,
  delta: Delta,
  lease: PublishLease,
  progress: WriteProgress,
): Promise<Written> {
  const { deps, publish } = context
  const partItems = deps.settings.publishPartItems
  const throwIfAborted = (): void => {
    if (progress.signal.aborted) throw (progress.signal as { readonly reason?: unknown }).reason
  }
  let written = progress.from
  const tell = (items: number): void => {
    written = items
    progress.heartbeat({ sequence: publish.sequence.toString(), items })
  }
  const permits = writePermits(deps, {
    ...{ by: progress.by, signal: progress.signal, onWaiting: () => tell(written) },
    isWaitedFor: () => deps.ledger.isLeaseWanted(publish, publish.sequence),
  })
  const result = (result: WriteResult, refused: readonly Uint8Array[] = []): Written => ({
    ...{ result, itemsWritten: written - progress.from, refused },
  })
  for await (const items of readAhead(context, delta, progress.from)) {
    const end = written + items.length
    while (written < end) {
      throwIfAborted()
      const from = written
      const most = items.slice(items.length - (end - from)).slice(0, partItems)
      const part = most.slice(0, await permits.take(most))
      if ((await lease.check()) === 'overtaken') return result('overtaken')
      const outcomes = await writePart(context, part, from, {
        mayWrite: lease.mayWrite,
        signal: progress.signal,
        onThrottled: permits.throttled,
        onWritten: (count) => {
          if (from + count - written >= heartbeatItems) tell(from + count)
        },
      })
      if (outcomes === 'unknown') return result('unknown')
      if (!outcomes.includes('refused')) {
        tell(from + part.length)
        continue
      }
      throwIfAborted()
      // A higher sequence is stored, or the lease ran out under the part: then the ledger says whose it is, and the rest is repeated.
      if (lease.mayWrite() || (await lease.check()) === 'overtaken') {
        written = from + outcomes.filter((outcome) => outcome === 'written').length
        const isRefused = (_: OnlineWrite, index: number) => outcomes[index] === 'refused'
        return result(
          'overtaken',
          part.filter(isRefused).map(({ key }) => key),
        )
      }
    }
  }
  return result('ok')
}

async function writePart(
  { deps, publish }: PublishContext,
  items: readonly OnlineWrite[],
  from: number,
  options: WriteOptions,
): Promise<LoadOutcome> {
  const { telemetry = noTelemetry } = deps
  const { view, table } = publish
  const labels = { view, version: String(publish.version) }
  const place = { 'db.system.name': 'aws.dynamodb', 'db.collection.name': table, 'millcourse.view': view }
  return await telemetry.span('publish part', { ...place, 'millcourse.part.from': from }, async (span) => {
    const startedAtMs = deps.clock.monotonicMs()
    const outcomes = publish.isFirstLoad
      ? await deps.online.loadItems(table, items, options)
      : await deps.online.putItems(table, items, options)
    if (outcomes === 'unknown') return outcomes
    const written = outcomes.filter((outcome) => outcome === 'written').length
    const refused = outcomes.length - written
    telemetry.observe(
      'millcourse_publish_part_duration_seconds',
      { view },
      (deps.clock.monotonicMs() - startedAtMs) / 1_000,
    )
    telemetry.count('millcourse_items_written_total', labels, written)
    deps.spending?.add({ itemsWritten: written })
    telemetry.count('millcourse_items_refused_total', labels, refused)
    span.set({ 'millcourse.items.written': written, 'millcourse.items.refused': refused })
    return outcomes
  })
}

/** The delta's items in its order, the next part being read while the last one is used. */
async function* readAhead(context: PublishContext, delta: Delta, first: number): AsyncGenerator<OnlineWrite[]> {
  const rowsHeld = Math.max(rowsHeldMin, context.deps.settings.publishPartItems)
  const read = (from: number, rows: number) => {
    if (from >= delta.file.keys) return null
    const items = readItems(context, delta, from, Math.min(from + rows, delta.file.keys))
    // Met when it is awaited; until then it is no unhandled rejection.
    items.catch(() => {})
    return items
  }
  let from = first
  let next = read(from, rowsFirst)
  while (next !== null) {
    const items = await next
    assert(items.length > 0, 'the delta has all the rows that were recorded')
    from += items.length
    next = read(from, rowsHeld)
    yield items
  }
}

async function readItems(context: PublishContext, delta: Delta, from: number, to: number): Promise<OnlineWrite[]> {
  const { deps } = context
  const sql = readDeltaSql(deps.lake.uri(delta.file.path), from, to)
  const rows = await deps.engine.withSession((session) => session.all({ sql }), { isLight: true })
  const realNow = deps.clock.realNow()
  const { ttl, viewKind } = context.bundle.view
  const ttlNs = ttl === null || viewKind === 'window' ? null : parseDuration(ttl)
  return rows.map((row) => toItem(context, row, { realNow, ttlNs }))
}

function toItem(
  { bundle, columns, publish }: PublishContext,
  row: EngineRow,
  expiry: { readonly realNow: bigint; readonly ttlNs: bigint | null },
): OnlineWrite {
  const take = (all: readonly { readonly alias: string; readonly type: ValueType }[]) =>
    all.map(({ alias, type }) => fromStored(type, row[alias] ?? null))
  const isEmpty = row.is_empty === true
  const eventAt = row.event_ns === null ? null : BigInt(row.event_ns as string)
  return {
    key: encodeKey(bundle.entity.keys, take(columns.keys)),
    sequence: publish.sequence,
    eventAt,
    values: isEmpty ? null : encodeValues(bundle.view.features, take(columns.features)),
    schemaHash: columns.schemaHash,
    expiresAtSeconds: onlineExpirySeconds({ isEmpty, eventAt, ...expiry }),
    isNew: row.is_new === true,
    ...(typeof row.held === 'string' && !isEmpty ? { held: row.held } : {}),
  }
}

/** Files hold an instant as a decimal number of nanoseconds. */
function fromStored(type: ValueType, value: EngineValue): EngineValue {
  if (value === null) return null
  switch (type.kind) {
    case 'timestamp':
      return BigInt(value as string)
    case 'list':
      return (value as readonly EngineValue[]).map((item) => fromStored(type.of, item))
    case 'map':
      return (value as readonly (readonly [EngineValue, EngineValue])[]).map(([key, item]) => [
        fromStored(type.key, key),
        fromStored(type.of, item),
      ])
    default:
      return value
  }
}
