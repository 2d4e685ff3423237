/**
 * What some keys should show, several times over, from one session:
 *
 *     stored      from the committed files: what training sets see, and what the next publish would carry online
 *     truth       the recomputed intervals from the rows of the source files that their runs read, the others from their committed files
 *     coarse      as stored, long windows from coarse tiles, the way a publish reads them
 *     now         as truth, from all rows that the source has by now
 *     held        as truth, features that commits leave out as they are shown (R35)
 *
 * and where a committed file is not what its source files give.
 */
import { chooseTileFiles, type KnownCoarseTile } from '../compute/choose-tile-files.js'
import { type Bucket, type CommittedFile, type CompactedCommits, committedFiles } from '../compute/committed-files.js'
import { keyBucket } from '../compute/key-bucket.js'
import { printQuery, printRelation } from '../compute/print-duckdb.js'
import { column, type NamedExpression, parquet, select, table } from '../compute/sql-algebra.js'
import type { UpstreamRead } from '../compute/upstream-rows.js'
import { buildWindowValues } from '../compute/window-values.js'
import type { ViewBundle } from '../define/definitions.js'
import {
  buildSourceRowsQuery,
  createKeys,
  keyText,
  type PublishedAnswer,
  placesOf,
  publishedAnswers,
  type ReadPlaces,
  type RecomputeTools,
  readSourceRows,
  recomputedPlaces,
  type SourceRow,
  sourceRowFrom,
  storedKeyText,
  writeRecomputed,
} from '../explain/index.js'
import type { PinnedFile } from '../plan/index.js'
import type { PackedValue } from '../publish/index.js'
import type { Instant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'
import { buildDifferenceQuery, type RowDifference, rowDifferences } from './file-difference.js'
import { type HeldInput, heldAnswers } from './held-answers.js'

export interface VerifiedInterval {
  readonly interval: Interval
  /** Null: it has no accepted version. `file`: URI; null: committed as empty, or it cannot be read. */
  readonly commit: { readonly commitId: bigint; readonly file: string | null; readonly isReadable: boolean } | null
  /** It decides the answers. Of others only rows are compared: training sets read them. */
  readonly isReached: boolean
  /** To be computed again, from these files, which are as its run read them. */
  readonly isRecomputed: boolean
  readonly pinned: readonly { readonly uri: string; readonly role: PinnedFile['role']; readonly alias?: string }[]
  /** Own files that the source has for it now; null: not looked at. */
  readonly now: readonly string[] | null
}

export interface VerifyInput {
  readonly bundle: ViewBundle
  readonly keys: readonly (readonly PackedValue[])[]
  readonly intervals: readonly VerifiedInterval[]
  /** What stands for many commits, by URIs, the newest first. */
  readonly compactions: readonly CompactedCommits[]
  /** Files that the dimensions of the view's query have now. */
  readonly dimensions: readonly { readonly uri: string; readonly alias: string }[]
  /** Of a view that is built on another: where the commits among the files are read. */
  readonly upstream: readonly UpstreamRead[]
  readonly endAt: Instant
  readonly coarse: readonly KnownCoarseTile[]
  /** R35: what is shown, where commits leave features out; null: none does, or not all of it can be read. */
  readonly holding: Pick<HeldInput, 'commits' | 'held'> | null
}

export type Answers = ReadonlyMap<string, PublishedAnswer>

export interface Verified {
  /** By `keyText`; a key without an entry has an empty item, or none. */
  readonly stored: Answers
  readonly truth: Answers
  readonly coarse: Answers
  readonly now: Answers
  /** As `truth`, with features that are held alone as a publish shows them; null: none is, or nobody can say. */
  readonly held: Answers | null
  readonly differences: readonly RowDifference[]
  /** By `keyText`, where rows may lie in a compaction's. */
  readonly buckets: ReadonlyMap<string, Bucket>
  /** Rows of the keys, where `now` is another. */
  readonly rows: readonly (SourceRow & { readonly key: string })[]
}

const prefix = '__quality'
const keysTable = `${prefix}_keys`
const rowsTable = `${prefix}_rows`
const rowsToldMax = 20_000

/** @throws MillcourseError of committed files and of source files, naming the file */
export async function verifyKeys(tools: RecomputeTools, input: VerifyInput): Promise<Verified> {
  const { bundle, keys, compactions } = input
  const intervals = input.intervals.filter(({ isReached }) => isReached)
  await tools.execute(
    createKeys(
      bundle,
      keys.map((key) => ({ key, at: 0n })),
      keysTable,
    ),
  )
  const buckets = await bucketsOf(tools, bundle, input)
  const answers = (files: readonly CommittedFile[]) => publishedAnswers(tools, bundle, files, keysTable, input.endAt)
  const stored = await answers(filesOf(intervals, compactions))
  const coarse = input.coarse.length === 0 ? stored : await coarseAnswers(tools, { ...input, intervals })
  const heldOf = async (made: HeldInput['recomputed']) =>
    input.holding === null
      ? null
      : await heldAnswers(tools, { ...input, ...input.holding, recomputed: made }, keysTable)
  const recomputed = input.intervals.filter(({ isRecomputed }) => isRecomputed)
  const looked = intervals.filter(({ now }) => now !== null)
  if (recomputed.length === 0 && looked.length === 0) {
    const held = await heldOf(null)
    return { stored, truth: stored, coarse, now: stored, held, differences: [], buckets, rows: [] }
  }
  const read = await readSourceRows(
    tools,
    bundle,
    sourceFilesOf(recomputed, looked, input.dimensions),
    keysTable,
    rowsTable,
    input.upstream,
  )
  const runOf = (some: readonly VerifiedInterval[], name: string) =>
    writeRecomputed(tools, bundle, rowsTable, `${prefix}_${name}`, placesOf(some, read))
  const reached = recomputed.filter(({ isReached }) => isReached)
  const run = await runOf(reached, 'run')
  const beyond = recomputed.filter(({ isReached }) => !isReached)
  const runs = beyond.length === 0 ? [run] : [run, await runOf(beyond, 'beyond')]
  const others = filesOf(
    intervals.filter(({ isRecomputed }) => !isRecomputed),
    compactions,
  )
  const truth = await answers([run, ...others])
  // Whoever reads many intervals reads the compaction: of few, too, rows are compared where they are read.
  const files = filesOf(
    recomputed,
    compactions.map((one) => ({ ...one, removedIds: one.commitIds })),
  )
  const found = await tools.all(buildDifferenceQuery(bundle, files, runs, keysTable))
  const starts = new Set(recomputed.flatMap(({ interval, commit }) => (commit?.isReadable ? [interval.start] : [])))
  const differences = rowDifferences(bundle, found).filter(({ intervalStart }) => starts.has(intervalStart))
  return {
    stored,
    truth,
    coarse,
    held: await heldOf({ file: run, commitIds: reached.flatMap(({ commit }) => commit?.commitId ?? []) }),
    differences,
    buckets,
    ...(await sourceNow(tools, { ...input, intervals }, read, truth)),
  }
}

/** The finest that there are: a bucket of fewer holds whole ones of these. */
async function bucketsOf(
  tools: RecomputeTools,
  bundle: ViewBundle,
  { compactions }: VerifyInput,
): Promise<ReadonlyMap<string, Bucket>> {
  const of = compactions.flatMap(({ files }) => files).reduce((finest, { bucket }) => Math.max(finest, bucket.of), 1)
  if (of === 1) return new Map()
  const { entity } = bundle
  const names = entity.keys.map(({ name }) => name)
  const columns = names.map((name) => column(name))
  const parts = columns.map((part, index): NamedExpression => [`k${index}`, part])
  const bucket: NamedExpression = ['bucket', keyBucket(entity.keys, columns, of)]
  const rows = await tools.all(printQuery(select(table(keysTable), [...parts, bucket])))
  return new Map(
    rows.map((row) => [
      storedKeyText(
        bundle,
        names.map((_, index) => row[`k${index}`]),
      ),
      { number: Number(row.bucket), of },
    ]),
  )
}

/** Reads all of it: what is asked of some keys may leave out pages that cannot be read. */
export function buildWholeFileQuery(file: string): { readonly sql: string } {
  return { sql: `SELECT max(hash(COLUMNS(*))) FROM (${printRelation(parquet([file]))})` }
}

/** Of rows and of each dimension, each once. */
function sourceFilesOf(
  recomputed: readonly VerifiedInterval[],
  looked: readonly VerifiedInterval[],
  dimensions: VerifyInput['dimensions'],
): { readonly uri: string; readonly alias?: string }[] {
  const pinned = recomputed.flatMap((one) =>
    one.pinned.map(({ uri, alias }) => (alias === undefined ? { uri } : { uri, alias })),
  )
  const now = looked.flatMap((one) => one.now!.map((uri) => ({ uri })))
  const all: { readonly uri: string; readonly alias?: string }[] = [...pinned, ...now, ...dimensions]
  return [...new Map(all.map((file) => [`${file.alias ?? ''} ${file.uri}`, file])).values()]
}

function filesOf(intervals: readonly VerifiedInterval[], compactions: VerifyInput['compactions']): CommittedFile[] {
  const commits = intervals.flatMap(({ interval, commit }) =>
    commit ? [{ commitId: commit.commitId, interval, data: commit.file === null ? null : { path: commit.file } }] : [],
  )
  return committedFiles(commits, compactions, (uri) => uri)
}

async function coarseAnswers(
  tools: RecomputeTools,
  { bundle, intervals, coarse, endAt, compactions }: VerifyInput,
): Promise<Answers> {
  const commits = intervals.flatMap(({ interval, commit }) => (commit ? [{ ...commit, interval }] : []))
  const chosen = chooseTileFiles({ bundle, endNs: endAt, commits, compactions, coarse })
  const query = buildWindowValues({ bundle, endNs: endAt, ...chosen, keysFrom: keysTable })
  const names = bundle.view.features.map(({ name }) => name)
  return new Map(
    (await tools.all(query)).map((row) => [
      keyText(
        bundle,
        bundle.entity.keys.map(({ name }) => row[name]),
      ),
      { values: Object.fromEntries(names.map((name) => [name, row[name]])), eventAt: null },
    ]),
  )
}

async function sourceNow(
  tools: RecomputeTools,
  { bundle, intervals, endAt, compactions }: VerifyInput,
  read: ReadPlaces,
  truth: Answers,
): Promise<Pick<Verified, 'now' | 'rows'>> {
  const looked = intervals.filter(({ now }) => now !== null)
  if (looked.every(isAsItWas)) return { now: truth, rows: [] }
  const places = placesOf(
    looked.map(({ interval, now }) => ({ interval, pinned: now!.map((uri) => ({ uri, role: 'own' as const })) })),
    read,
  )
  const file = await writeRecomputed(tools, bundle, rowsTable, `${prefix}_now`, places)
  const others = filesOf(
    intervals.filter(({ now: files }) => files === null),
    compactions,
  )
  const now = await publishedAnswers(tools, bundle, [file, ...others], keysTable, endAt)
  const told = { near: endAt, before: endAt, rowsMax: rowsToldMax, made: recomputedPlaces(`${prefix}_run`) }
  const found = await tools.all(buildSourceRowsQuery(bundle, rowsTable, told))
  const rows = found.map((row) => ({
    ...sourceRowFrom(bundle, row, read.origins),
    key: keyText(
      bundle,
      bundle.view.keyColumns.map(({ column }) => row[column]),
    ),
  }))
  return { now, rows }
}

function isAsItWas({ isRecomputed, commit, pinned, now }: VerifiedInterval): boolean {
  if (commit === null) return now!.length === 0
  const own = pinned.filter(({ role }) => role === 'own').map(({ uri }) => uri)
  return isRecomputed && own.length === now!.length && own.every((uri) => now!.includes(uri))
}
