/**
 * One compaction: begun in the ledger, written beside everything else, recorded in one transaction. Killed at any moment it leaves the
 * ledger as it was and files below a folder of its own number, which the removal finds (remove-files.ts).
 */
import { Context } from '@temporalio/activity'
import { bucketCount, type CompactionPlan, compactedPath } from '../core/compact/index.js'
import {
  areTiesResolved,
  buildCompaction,
  type CommittedFile,
  committedFiles,
  printCommittedFile,
  printFileRows,
} from '../core/compute/index.js'
import type { ViewBundle } from '../core/define/definitions.js'
import { MillcourseError } from '../core/errors.js'
import type { CompactedPart, Compaction } from '../core/ports/compaction-ledger.js'
import type { Commit } from '../core/ports/ledger.js'
import type { QuerySession } from '../core/ports/query-engine.js'
import { noTelemetry } from '../core/ports/telemetry.js'
import { fromIsoInterval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import type { CompactSpanInput, CompactSpanResult } from './compaction-steps.js'
import { findCompactions } from './find-compactions.js'
import { readPlans } from './plan-compaction.js'
import { sparingWorkers } from './spare-workers.js'

export function compactSpan(deps: ActivityDeps) {
  return async ({ view, version, span }: CompactSpanInput): Promise<CompactSpanResult> => {
    const bundle = await deps.registry.view(view, version)
    const { start, end } = fromIsoInterval(span)
    const { plans, commits } = await readPlans(deps, bundle)
    const plan = plans.find((one) => one.span.start === start && one.span.end === end)
    if (plan === undefined) return { kind: 'nothing' }
    const ids = new Set(plan.commitIds)
    const held = commits.filter(({ commitId }) => ids.has(commitId))
    const key = { view, version }
    const compactionId = await deps.ledger.beginCompaction(key, plan.span)
    try {
      const files = await sparingWorkers((begin) => write(deps, bundle, { plan, held, compactionId, begin }))
      const recorded = await deps.ledger.recordCompaction(compactionId, { commitIds: plan.commitIds, files })
      if (recorded === 'given-up') return { kind: 'nothing' }
      return tell(deps, { view, version: String(version) }, plan, files)
    } catch (error) {
      // What it has written is found by its number; an error here would hide the cause, and a day later it is given up anyway.
      await deps.ledger.giveUpCompaction(compactionId).catch(() => {})
      throw error
    }
  }
}

interface Work {
  readonly plan: CompactionPlan
  readonly held: readonly Commit[]
  readonly compactionId: bigint
  readonly begin: () => void
}

async function write(deps: ActivityDeps, bundle: ViewBundle, work: Work): Promise<CompactedPart[]> {
  const { plan, held, compactionId, begin } = work
  const key = { view: bundle.view.name, version: bundle.view.version }
  const compactions = await findCompactions(deps.ledger, key, held)
  const of = bucketCount(plan)
  const read = committedFiles(held, compactions, (path) => deps.lake.uri(path))
  return await deps.engine.withSession(
    async (session) => {
      begin()
      const expectedRows = await rowsToRead(deps, session, bundle, { read, held, compactions })
      const query = buildCompaction({ bundle, files: read, span: plan.span, buckets: of })
      for (const statement of query.statements) await session.execute(statement)
      const rowsOf = new Map(
        (await session.all(query.counts)).map(({ bucket, rows }) => [Number(bucket), Number(rows)]),
      )
      const rows = sum([...rowsOf.values()])
      checkRows(bundle, expectedRows, rows, 'read')
      const files: CompactedPart[] = []
      for (const [number, expected] of [...rowsOf].sort(([a], [b]) => a - b)) {
        const bucket = { number, of }
        const part = await writeBucket(deps, session, compactedPath(key, compactionId, bucket), query.output(number))
        checkRows(bundle, areTiesResolved(bundle) ? null : expected, part.rows, 'written')
        files.push({ ...part, bucket })
      }
      return files
    },
    { signal: Context.current().cancellationSignal },
  )
}

async function writeBucket(deps: ActivityDeps, session: QuerySession, path: string, select: string) {
  await deps.lake.prepareWrite(path)
  const [written] = await session.all(printCommittedFile(select, deps.lake.uri(path)))
  const file = await deps.lake.head(path)
  return { path, rows: Number(Object.values(written ?? {})[0]), sizeBytes: file?.sizeBytes ?? 0 }
}

/**
 * By the ledger; null: of a compaction only a part is read, and nobody has counted that. Then each file's own count, of those read in part
 * too, is held against the ledger's: one that was cut short between valid ends is found, and named.
 * @throws MillcourseError COMPACT_ROWS_DIFFER
 */
async function rowsToRead(
  deps: ActivityDeps,
  session: QuerySession,
  bundle: ViewBundle,
  { read, held, compactions }: Read,
): Promise<number | null> {
  const known = new Map(
    [...held.flatMap(({ data }) => data ?? []), ...compactions.flatMap(({ files }) => files)].map(({ path, rows }) => [
      deps.lake.uri(path),
      rows,
    ]),
  )
  const uris = [...new Set(read.map((file) => (typeof file === 'string' ? file : file.uri)))]
  if (read.every((file) => typeof file === 'string' || file.within === null))
    return sum(uris.map((uri) => known.get(uri)!))
  for (const { file_name: uri, num_rows: rows } of await session.all(printFileRows(uris)))
    checkRows(bundle, known.get(String(uri)) ?? null, Number(rows), 'read', String(uri))
  return null
}

interface Read {
  readonly read: readonly CommittedFile[]
  readonly held: readonly Commit[]
  readonly compactions: readonly Compaction[]
}

/** @throws MillcourseError COMPACT_ROWS_DIFFER */
function checkRows(
  { view }: ViewBundle,
  expected: number | null,
  rows: number,
  what: 'read' | 'written',
  file?: string,
): void {
  if (expected === null || expected === rows) return
  const of = file === undefined ? '' : ` of ${file}`
  throw new MillcourseError(
    'COMPACT_ROWS_DIFFER',
    `${rows} rows${of} of ${view.name}@v${view.version} were ${what} where the ledger counts ${expected}`,
    {
      hint: 'nothing was changed: a committed file is not as it was written; millcourse check-quality VIEW --repair --reason … finds it and has its interval run again',
      facts: { view: view.name, version: view.version, rows, expected, ...(file === undefined ? {} : { file }) },
    },
  )
}

function tell(
  { telemetry = noTelemetry }: ActivityDeps,
  labels: { readonly view: string; readonly version: string },
  plan: CompactionPlan,
  files: readonly CompactedPart[],
): CompactSpanResult {
  telemetry.count('millcourse_compacted_files_total', labels, plan.files)
  telemetry.count('millcourse_compactions_total', labels)
  return {
    kind: 'compacted',
    filesBefore: plan.files,
    filesAfter: files.length,
    rows: plan.rows,
    bytesBefore: plan.sizeBytes,
    bytesAfter: sum(files.map(({ sizeBytes }) => sizeBytes)),
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}
