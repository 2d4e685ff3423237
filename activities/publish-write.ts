/** Writes a delta's items in key order, part by part, each part acknowledged by a heartbeat with the cursor. */

import type { ColumnType } from '../core/define/definitions.js'
import type { CancelSignal } from '../core/ports/cancel-signal.js'
import type { LeaseResult } from '../core/ports/ledger.js'
import type { PutOutcome } from '../core/ports/online-store.js'
import type { EngineRow, EngineValue } from '../core/ports/query-engine.js'
import { noTelemetry } from '../core/ports/telemetry.js'
import { encodeKey, encodeValues, type OnlineItem, onlineExpirySeconds, readDeltaSql } from '../core/publish/index.js'
import { parseDuration } from '../core/time/duration.js'
import type { Delta } from './publish-delta.js'
import type { PublishLease } from './publish-lease.js'
import type { PublishContext } from './publish-state.js'

/** How far a publish got: JSON-safe, kept in the activity's heartbeat. */
export interface PublishCursor {
  readonly sequence: string
  /** Items of the delta, in its order, whose write is acknowledged. */
  readonly items: number
}

export interface WriteProgress {
  readonly from: number
  readonly signal: CancelSignal
  heartbeat(cursor: PublishCursor): void
}

/** Rows of the delta held at once: some parts, so that a part does not cost a query of its own. */
const rowsHeldMin = 10_000

export async function writeDelta(
  context: PublishContext,
  delta: Delta,
  lease: PublishLease,
  progress: WriteProgress,
): Promise<{ readonly result: LeaseResult; readonly itemsWritten: number }> {
  const { deps, publish } = context
  const partItems = deps.settings.publishPartItems
  const rowsHeld = Math.max(rowsHeldMin, partItems)
  let itemsWritten = 0
  for (let from = progress.from; from < delta.file.keys; from += rowsHeld) {
    const items = await readItems(context, delta, from, Math.min(from + rowsHeld, delta.file.keys))
    for (let part = 0; part < items.length; part += partItems) {
      if (progress.signal.aborted) throw (progress.signal as { readonly reason?: unknown }).reason
      if ((await lease.check()) === 'overtaken') return { result: 'overtaken', itemsWritten }
      const batch = items.slice(part, part + partItems)
      const outcomes = await writePart(context, batch, from + part, lease, progress)
      itemsWritten += outcomes.filter((outcome) => outcome === 'written').length
      if (outcomes.includes('refused')) {
        if (progress.signal.aborted) throw (progress.signal as { readonly reason?: unknown }).reason
        // A higher sequence is stored, or the lease ran out under the part: then the ledger says whose it is, and the part is repeated.
        if (lease.mayWrite() || (await lease.check()) === 'overtaken') return { result: 'overtaken', itemsWritten }
        part -= partItems
        continue
      }
      progress.heartbeat({ sequence: publish.sequence.toString(), items: from + part + batch.length })
    }
  }
  return { result: 'ok', itemsWritten }
}

async function writePart(
  { deps, publish }: PublishContext,
  items: readonly OnlineItem[],
  from: number,
  lease: PublishLease,
  { signal }: WriteProgress,
): Promise<PutOutcome[]> {
  const { telemetry = noTelemetry } = deps
  const { view, table } = publish
  const labels = { view, version: String(publish.version) }
  const place = { 'db.system.name': 'aws.dynamodb', 'db.collection.name': table, 'millcourse.view': view }
  return await telemetry.span('publish part', { ...place, 'millcourse.part.from': from }, async (span) => {
    const startedAtMs = deps.clock.monotonicMs()
    const outcomes = await deps.online.putItems(table, items, { mayWrite: lease.mayWrite, signal })
    const written = outcomes.filter((outcome) => outcome === 'written').length
    const refused = outcomes.length - written
    telemetry.observe(
      'millcourse_publish_part_duration_seconds',
      { view },
      (deps.clock.monotonicMs() - startedAtMs) / 1_000,
    )
    telemetry.count('millcourse_items_written_total', labels, written)
    telemetry.count('millcourse_items_refused_total', labels, refused)
    span.set({ 'millcourse.items.written': written, 'millcourse.items.refused': refused })
    return outcomes
  })
}

async function readItems(context: PublishContext, delta: Delta, from: number, to: number): Promise<OnlineItem[]> {
  const { deps, columns } = context
  const sql = readDeltaSql(columns, deps.lake.uri(delta.file.path), from, to)
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
): OnlineItem {
  const take = (all: readonly { readonly alias: string; readonly type: ColumnType }[]) =>
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
  }
}

/** Files hold an instant as a decimal number of nanoseconds. */
function fromStored(type: ColumnType, value: EngineValue): EngineValue {
  return type.kind === 'timestamp' && value !== null ? BigInt(value as string) : value
}
