/** Real parts with one guard taken out at the port: what the traces have to notice. */
import { sql } from 'kysely'
import type { LedgerWriter, Publish } from '../../../core/ports/ledger.js'
import type { OnlineStore } from '../../../core/ports/online-store.js'
import type { RealParts } from './real-protocol.js'

type Ledger = Partial<LedgerWriter>
type Store = Partial<OnlineStore>

type Removal = (parts: RealParts) => RealParts

/** What a publisher does with the ledger's and the store's answers; ledger and store alone cannot tell. */
export const withoutPublisherGuard = {
  'replaced-keys': (parts) =>
    withLedger(parts, { openPublish: changeOpened(parts, (publish) => ({ ...publish, replaced: [] })) }),
  'end-blocked': (parts) =>
    withLedger(parts, {
      openPublish: (request) => {
        const { window } = request
        return parts.ledger.openPublish({ ...request, window: window && { ...window, onGap: 'mark' } })
      },
    }),
  'rebuild-by-scan': (parts) =>
    withStore(parts, {
      async *scan() {
        yield []
      },
    }),
} as const satisfies Readonly<Record<string, Removal>>

export const withoutGuard = {
  'write-condition': (parts) =>
    withStore(parts, {
      putItems: async (table, items, options) => {
        const stored = await parts.online.getItems(
          table,
          items.map(({ key }) => key),
        )
        const above = items.map((item, index) => ({
          ...item,
          sequence: max(item.sequence, stored[index]?.sequence ?? 0n),
        }))
        return await parts.online.putItems(table, above, options)
      },
    }),
  'end-condition': (parts) =>
    withStore(parts, {
      putEnd: async (table, end) => {
        const stored = await parts.online.getEnd(table)
        return await parts.online.putEnd(table, { ...end, sequence: max(end.sequence, stored?.sequence ?? 0n) })
      },
    }),
  'record-lease': (parts) =>
    withLedger(parts, {
      recordDelta: async (key, sequence, owner, delta) => {
        const result = await parts.ledger.recordDelta(key, sequence, owner, delta)
        if (result === 'ok') return result
        await parts.client.query((db) =>
          db
            .updateTable('publishes')
            .set({ delta: JSON.stringify(delta) })
            .where('view', '=', key.view)
            .where('sequence', '=', sequence)
            .execute(),
        )
        return 'ok'
      },
    }),
  'finish-lease': (parts) =>
    withLedger(parts, {
      finishPublish: async (key, sequence, owner, finish) => {
        await parts.client.query((db) =>
          db
            .updateTable('view_versions')
            .set({ lease_sequence: sequence, lease_owner: owner })
            .where('view', '=', key.view)
            .execute(),
        )
        return await parts.ledger.finishPublish(key, sequence, owner, finish)
      },
    }),
  'covering-fixed': (parts) =>
    withLedger(parts, {
      finishPublish: async (key, sequence, owner, finish) => {
        const result = await parts.ledger.finishPublish(key, sequence, owner, finish)
        if (result === 'ok')
          await parts.client.query((db) =>
            db
              .updateTable('commits')
              .set({ published_sequence: sequence })
              .where('view', '=', key.view)
              .where('published_sequence', 'is', null)
              .execute(),
          )
        return result
      },
    }),
  'rewrite-unfinished': (parts) =>
    withLedger(parts, {
      openPublish: changeOpened(parts, (publish) => ({ ...publish, unfinished: [] })),
    }),
  'release-unfinished': (parts) =>
    withLedger(parts, {
      releaseLease: async (key, sequence, owner) => {
        await parts.ledger.releaseLease(key, sequence, owner)
        await parts.client.query((db) =>
          db
            .updateTable('publishes')
            .set({ delta: null })
            .where('view', '=', key.view)
            .where('sequence', '=', sequence)
            .where('state', '=', 'unfinished')
            .execute(),
        )
      },
    }),
  'new-sequence': (parts) =>
    withLedger(parts, {
      openPublish: changeOpened(parts, (publish) =>
        publish.sequence === 1n ? publish : { ...publish, sequence: publish.sequence - 1n },
      ),
    }),
  'commit-number': (parts) =>
    withLedger(parts, {
      commitRun: async (request) => {
        await parts.client.query((db) =>
          db.updateTable('runs').set({ number: sql`number + 1000` }).where('run_id', '=', request.runId).execute(),
        )
        return await parts.ledger.commitRun(request)
      },
    }),
  'commit-supersedes': (parts) =>
    withLedger(parts, {
      commitRun: async (request) => {
        const result = await parts.ledger.commitRun(request)
        if (result.kind !== 'moved') return result
        return await parts.ledger.commitRun({ ...request, supersedes: result.currentCommitId })
      },
    }),
} as const satisfies Readonly<Record<string, Removal>>

function changeOpened(parts: RealParts, change: (publish: Publish) => Publish): LedgerWriter['openPublish'] {
  return async (request) => {
    const result = await parts.ledger.openPublish(request)
    return result.kind === 'opened' ? { ...result, publish: change(result.publish) } : result
  }
}

function withLedger(parts: RealParts, changed: Ledger): RealParts {
  return { ...parts, ledger: { ...parts.ledger, ...changed } }
}

function withStore(parts: RealParts, changed: Store): RealParts {
  const { online } = parts
  const unchanged: OnlineStore = {
    ensureTable: (table) => online.ensureTable(table),
    describeTable: (table) => online.describeTable(table),
    settingDifferences: (table) => online.settingDifferences(table),
    dropTable: (table) => online.dropTable(table),
    limits: () => online.limits(),
    putItems: (table, items, options) => online.putItems(table, items, options),
    putEnd: (table, end) => online.putEnd(table, end),
    getItems: (table, keys) => online.getItems(table, keys),
    getItemsAndEnd: (table, keys) => online.getItemsAndEnd(table, keys),
    getEnd: (table) => online.getEnd(table),
    scan: (table) => online.scan(table),
    close: () => online.close(),
  }
  return { ...parts, online: { ...unchanged, ...changed } }
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
