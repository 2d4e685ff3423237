/** Sales whose files are compacted and removed, and training sets that are made of them meanwhile. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'kysely'
import type { ActivityDeps } from '../../activities/activity-deps.js'
import { compactSpan } from '../../activities/compact-span.js'
import { planCompaction } from '../../activities/plan-compaction.js'
import { removeFiles } from '../../activities/remove-files.js'
import { createPostgresClient } from '../../adapters/postgres/client.js'
import { trainingSet } from '../../cli/commands/training-set.js'
import type { CliContext } from '../../cli/context.js'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import type { StackPorts } from '../../workers/stack-ports.js'
import { commandContext } from './command-context.js'
import { hour, type SalesOptions, type SalesRig, startSalesRig } from './sales-views.js'

const day = 86_400_000

export interface CompactionRig {
  readonly rig: SalesRig
  /** Four hours are worth a compaction; own files go at once, replaced ones after a day. */
  readonly deps: ActivityDeps
  readonly context: CliContext
  /** Of the sets. */
  readonly folder: string
  contextOf(ledger: LedgerWriter): CliContext
  /** The bytes of a set, and where it lies; nothing is kept for it any more. @param rebuild of the set in this file */
  makeSet(
    given?: CliContext,
    rebuild?: { readonly of: string; readonly pinned?: boolean },
  ): Promise<{ readonly out: string; readonly bytes: string }>
  /** Compacts, marks and removes. How many files were written and removed. */
  compactAll(given?: ActivityDeps): Promise<{ readonly files: number; readonly removed: number }>
  filesBelow(...rooms: string[]): Promise<string[]>
  stop(): Promise<void>
}

/** @param of what is compacted, and what sets are asked for, by five rows an hour */
export async function startCompactionRig(
  definitions: Readonly<Record<string, SalesOptions>>,
  of: { readonly views: readonly string[]; readonly features: readonly string[] },
): Promise<CompactionRig> {
  const rig = await startSalesRig(definitions)
  const { MILLCOURSE_POSTGRES_URL: url, MILLCOURSE_PROJECT: project } = rig.environment
  const client = createPostgresClient({ url: url!, project: project! })
  const deps: ActivityDeps = {
    ...rig.deps,
    settings: {
      ...rig.deps.settings,
      retention: { compactedKeptMs: 0, supersededKeptMs: day, graceMs: 0 },
      worthwhile: { fanIn: 4n, piecesMin: { shortest: 2, longer: 2 } },
    },
  }
  const folder = rig.deps.lake.uri('sets')
  await rig.deps.lake.prepareWrite('sets/x')
  const spine = join(folder, 'spine.parquet')
  await writeSpine(rig, spine)
  const contextOf = (ledger: LedgerWriter): CliContext => {
    const { registry, lake, engine } = rig.deps
    const ports = {
      ledger: async () => ledger,
      registry: async () => registry,
      lake: async () => lake,
      engine: async () => engine,
    }
    return commandContext(ports as unknown as StackPorts)
  }
  const context = contextOf(rig.deps.ledger)
  let sets = 0
  return {
    ...{ rig, deps, context, folder, contextOf },
    async makeSet(given = context, rebuild) {
      const out = join(folder, `${++sets}.parquet`)
      const asked = { spine, eventTime: 'at', features: [...of.features] }
      const again = rebuild && { rebuild: `${rebuild.of}.manifest.json`, ...(rebuild.pinned ? { pinned: true } : {}) }
      await trainingSet(given, { ...(again ?? asked), out, keep: '1ms' })
      // Nothing is kept for it any more, which it was while it was made: what may go, goes.
      await client.query((db) => db.updateTable('training_sets').set({ expires_at: sql`clock_timestamp()` }).execute())
      return { out, bytes: readFileSync(out).toString('base64') }
    },
    async compactAll(given = deps) {
      let [files, removed] = [0, 0]
      for (const name of of.views) {
        const { view, version, spans } = await rig.step(planCompaction, [{ view: name }], {}, given)
        for (const span of spans) {
          const done = await rig.step(compactSpan, [{ view, version, span }], {}, given)
          files += done.kind === 'compacted' ? done.filesAfter : 0
        }
        for (const _ of ['marks', 'removes'])
          removed += (await rig.step(removeFiles, [{ view, version }], {}, given)).filesRemoved
      }
      return { files, removed }
    },
    async filesBelow(...rooms) {
      const found: string[] = []
      for (const room of rooms) for await (const { path } of rig.deps.lake.list(room)) found.push(path)
      return found
    },
    async stop() {
      await client.close()
      await rig.stop()
    },
  }
}

async function writeSpine({ deps }: SalesRig, file: string): Promise<void> {
  const row = (shop: string, at: string) => `('${shop}', TIMESTAMP '${at.replace('Z', '')}')`
  const rows = Array.from({ length: 9 }, (_, at) => [
    ...[row('x', hour(at, 10)), row('y', hour(at, 19)), row('y', hour(at, 20))],
    ...[row('z', hour(at, 59)), row('nobody', hour(at))],
  ])
  const sql = `COPY (SELECT * FROM (VALUES ${rows.flat().join(', ')}) v(shop, "at")) TO '${file}' (FORMAT parquet)`
  await deps.engine.withSession((session) => session.execute({ sql }))
}
