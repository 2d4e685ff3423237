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
  'first-load-own-table': (parts) =>
    withLedger(withStore(makingTablesAlike(parts), { dropTable: async () => {} }), {
      openPublish: async (request) => {
        const result = await parts.ledger.openPublish(request)
        if (result.kind !== 'opened' || !result.publish.isFirstLoad) return result
        await parts.client.query((db) =>
          db
            .updateTable('publishes')
            .set({ table_name: request.table })
            .where('view', '=', request.view)
            .where('sequence', '=', result.publish.sequence)
            .execute(),
        )
        return { ...result, publish: { ...result.publish, table: request.table } }
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
  'first-load-not-resumed': (parts) =>
    withLedger(makingTablesAlike(parts), {
      openPublish: async (request) => {
        const [own] = await parts.client.query((db) =>
          db
            .updateTable('publishes')
            .set({ is_first_load: false })
            .where('view', '=', request.view)
            .where('workflow_run_id', '=', request.workflowRunId)
            .where('state', '=', 'open')
            .where('is_first_load', '=', true)
            .where('delta', 'is not', null)
            .returning(['table_name', 'sequence'])
            .execute(),
        )
        if (own === undefined) return await parts.ledger.openPublish(request)
        const result = await parts.ledger.openPublish({ ...request, table: own.table_name })
        await parts.client.query((db) =>
          db
            .updateTable('publishes')
            .set({ is_first_load: true })
            .where('view', '=', request.view)
            .where('sequence', '=', own.sequence)
            .execute(),
        )
        return result.kind === 'resumed' ? { ...result, publish: { ...result.publish, isFirstLoad: true } } : result
      },
    }),
  'first-load-named-when-finished': (parts) =>
    withLedger(makingTablesAlike(parts), {
      openPublish: async (request) => {
        const result = await parts.ledger.openPublish(request)
        if (result.kind !== 'opened' || !result.publish.isFirstLoad) return result
        await parts.online.ensureTable(result.publish.table)
        await parts.client.query((db) =>
          db
            .updateTable('view_versions')
            .set({ online_table: result.publish.table })
            .where('view', '=', request.view)
            .execute(),
        )
        return result
      },
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

/** What the publisher makes of a lost answer: it asks again, and takes the second answer for both. */
export function askingAgain(online: OnlineStore): OnlineStore {
  return new Proxy(online, {
    get(target, name) {
      const method = Reflect.get(target, name).bind(target)
      if (name !== 'loadItems') return method
      return async (...given: Parameters<OnlineStore['loadItems']>) => {
        for (;;) {
          const outcome = await target.loadItems(...given)
          if (outcome !== 'unknown') return outcome
        }
      }
    },
  })
}

/** A table that is there is taken for the caller's own. */
function makingTablesAlike(parts: RealParts): RealParts {
  return withStore(parts, {
    createTable: (table) => parts.online.ensureTable(table),
    describeTable: async () => null,
  })
}

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
    createTable: (table) => online.createTable(table),
    dropTable: (table, options) => online.dropTable(table, options),
    limits: () => online.limits(),
    listTables: () => online.listTables(),
    loadItems: (table, items, options) => online.loadItems(table, items, options),
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
