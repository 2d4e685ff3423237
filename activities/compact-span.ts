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
  uriOfFile,
} from '../core/compute/index.js'
import type { ViewBundle } from '../core/define/definitions.js'
import { assert, MillcourseError } from '../core/errors.js'
import { inParallel } from '../core/in-parallel.js'
import type { CompactedPart, Compaction } from '../core/ports/compaction-ledger.js'
import type { Commit } from '../core/ports/ledger.js'
import type { QuerySession } from '../core/ports/query-engine.js'
import { noTelemetry } from '../core/ports/telemetry.js'
import { fromIsoInterval, type IsoInterval, toIsoInterval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import type { CompactSpanInput, CompactSpanResult } from './compaction-steps.js'
import { findCompactions } from './find-compactions.js'
import { readPlans } from './plan-compaction.js'
import { sparingWorkers } from './spare-workers.js'
import { digestsAtOnce } from './unreadable-files.js'

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
      const reading = { read, held, compactions }
      const expectedRows = await rowsToRead(deps, session, bundle, reading)
      const query = buildCompaction({ bundle, files: read, span: plan.span, buckets: of })
      for (const statement of query.statements) await session.execute(statement)
      const rowsOf = new Map(
        (await session.all(query.counts)).map(({ bucket, rows }) => [Number(bucket), Number(rows)]),
      )
      const rows = sum([...rowsOf.values()])
      if (expectedRows !== null && rows !== expectedRows) await checkFiles(deps, session, bundle, reading)
      checkRows(bundle, expectedRows, rows, 'read')
      await checkDigests(deps, bundle, reading)
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
  await deps.lake.finishWrite(path)
  const file = await deps.lake.digest(path)
  assert(file, 'a file that was written is there')
  return { path, rows: Number(Object.values(written ?? {})[0]), ...file }
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
  reading: Reading,
): Promise<number | null> {
  const isWhole = reading.read.every((file) => typeof file === 'string' || file.within === null)
  if (!isWhole) {
    await checkFiles(deps, session, bundle, reading)
    return null
  }
  const known = knownFiles(deps, reading)
  return sum(urisOf(reading).map((uri) => known.get(uri)!.rows))
}

interface Reading {
  readonly read: readonly CommittedFile[]
  readonly held: readonly Commit[]
  readonly compactions: readonly Compaction[]
}

const urisOf = ({ read }: Reading): string[] => [...new Set(read.map(uriOfFile))]

interface KnownFile {
  readonly rows: number
  readonly sha256?: string
  /** What lies in it: of a commit's own file its interval, of a compaction's how many. */
  readonly holds: IsoInterval | number
}

/** By URI, what the ledger has of each. */
function knownFiles({ lake }: ActivityDeps, { held, compactions }: Reading): ReadonlyMap<string, KnownFile> {
  const own = held.flatMap(({ data, interval }) => (data ? [{ ...data, holds: toIsoInterval(interval) }] : []))
  const parts = compactions.flatMap(({ files, commitIds }) =>
    files.map((file) => ({ ...file, holds: commitIds.length })),
  )
  return new Map([...own, ...parts].map(({ path, ...known }) => [lake.uri(path), known]))
}

/** @throws MillcourseError COMPACT_ROWS_DIFFER of the first whose own count is another, and what to do about it */
async function checkFiles(
  deps: ActivityDeps,
  session: QuerySession,
  bundle: ViewBundle,
  reading: Reading,
): Promise<void> {
  const known = knownFiles(deps, reading)
  for (const { file_name: name, num_rows: rows } of await session.all(printFileRows(urisOf(reading)))) {
    const file = known.get(String(name))
    if (file) checkRows(bundle, file.rows, Number(rows), 'read', { uri: String(name), holds: file.holds })
  }
}

/**
 * Something wrong that is compacted is wrong for good: the compaction's own digest would say that it is right.
 * @throws MillcourseError COMPACT_ROWS_DIFFER
 */
async function checkDigests(deps: ActivityDeps, { view }: ViewBundle, reading: Reading): Promise<void> {
  const known = knownFiles(deps, reading)
  await inParallel(urisOf(reading), digestsAtOnce, async (uri) => {
    const { sha256, holds } = known.get(uri)!
    if (sha256 === undefined || (await deps.lake.digest(uri))?.sha256 === sha256) return
    throw new MillcourseError('COMPACT_ROWS_DIFFER', `${uri} is not what was committed: its digest is another`, {
      hint: `nothing was changed; ${adviceOn(`${view.name}@v${view.version}`, holds)}`,
      facts: { view: view.name, version: view.version, file: uri },
    })
  })
}

/** @throws MillcourseError COMPACT_ROWS_DIFFER */
function checkRows(
  { view: { name, version } }: ViewBundle,
  expected: number | null,
  rows: number,
  what: 'read' | 'written',
  file?: { readonly uri: string; readonly holds: KnownFile['holds'] },
): void {
  if (expected === null || expected === rows) return
  const of = file === undefined ? '' : ` of ${file.uri}`
  const place = `${name}@v${version}`
  throw new MillcourseError(
    'COMPACT_ROWS_DIFFER',
    `${rows} rows${of} of ${place} were ${what} where the ledger counts ${expected}`,
    {
      hint: `nothing was changed; ${file === undefined ? "each file's own count is the ledger's: this is a mistake of Millcourse, report it" : adviceOn(place, file.holds)}`,
      facts: { view: name, version, rows, expected, ...(file === undefined ? {} : { file: file.uri }) },
    },
  )
}

/** A check of quality compares rows of the keys and intervals that it draws, which those may not be that are lost. */
function adviceOn(place: string, holds: KnownFile['holds']): string {
  const isNot = 'the file is not as it was written: put it back from a backup of the lake'
  const view = place.split('@')[0]
  return typeof holds === 'number'
    ? `${isNot}, or move it away: ${holds} intervals lie in it, and millcourse check-quality ${view} --repair --reason "…" has those of a file that is missing run again`
    : `${isNot}, or have its interval run again from its source files: millcourse backfill ${view} --from ${holds.start} --to ${holds.end} --force --yes --reason "…"`
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
