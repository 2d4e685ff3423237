/** Asks the ledger, the source, the engine and the online store for all that an explanation rests on; many keys and times at once. */
import { coveringSpan } from '../../core/compact/index.js'
import { committedFiles, featureGroups, groupFilesOf, shownEnd, type UpstreamRead } from '../../core/compute/index.js'
import type { ViewBundle } from '../../core/define/definitions.js'
import { isMillcourseError, type MillcourseError } from '../../core/errors.js'
import {
  type Explained,
  type ExplainedCommit,
  type ExplainTools,
  explainAnswers,
  type HeldFiles,
  intervalStartOf,
  keyText,
  lookupSpans,
  type Question,
  readNewestPlaces,
  windowSpans,
} from '../../core/explain/index.js'
import { type IntervalState, mergeRanges, type PinnedFile } from '../../core/plan/index.js'
import type { Lake } from '../../core/ports/lake.js'
import type { Commit, LedgerReader, RunRecord, ViewKey } from '../../core/ports/ledger.js'
import type { QuerySession } from '../../core/ports/query-engine.js'
import { encodeKey, type OnlineItem, type PublishedEnd, versionTableName } from '../../core/publish/index.js'
import { dimensionSpan, dimensionsOf, isCommitUri, rowSource } from '../../core/source/index.js'
import { parseDuration } from '../../core/time/duration.js'
import { parseInstant } from '../../core/time/instant.js'
import { type Interval, overlaps } from '../../core/time/interval.js'
import type { CliContext } from '../context.js'
import { type FileNow, readSourceNow } from './source-now.js'
import { readUpstreamNow } from './upstream-now.js'

export type EvidencePorts = Pick<
  CliContext,
  'ledger' | 'lake' | 'sources' | 'engine' | 'online' | 'clock' | 'project' | 'signal' | 'progress'
>

export interface Evidence {
  readonly explained: Explained
  readonly table: string
  readonly end: PublishedEnd | null
  /** By `keyText`. */
  readonly items: ReadonlyMap<string, OnlineItem | null>
  /** The intervals that decide the answers, joined, oldest first: of no other is anything known here. */
  readonly spans: readonly Interval[]
  /** Of the intervals that decide the answers, oldest first. */
  readonly commits: readonly Commit[]
  readonly states: readonly IntervalState[]
  /** Ended, and the ledger does not know them. */
  readonly neverRan: readonly Interval[]
  readonly runs: ReadonlyMap<string, RunRecord>
  /** What the source holds now, by URI. */
  readonly files: ReadonlyMap<string, FileNow>
  /** Those among them that are a query's dimensions'. */
  readonly dimensionFiles: readonly string[]
}

/** @throws MillcourseError what the ports throw; what is wrong with source files is told (`Explained.unreadable`) */
export async function gatherEvidence(
  ports: EvidencePorts,
  bundle: ViewBundle,
  questions: readonly Question[],
  rowsMax: number,
): Promise<Evidence> {
  const { view } = bundle
  const key: ViewKey = { view: view.name, version: view.version }
  const [ledger, lake, sources, engine] = await Promise.all([
    ports.ledger(),
    ports.lake(),
    ports.sources(),
    ports.engine(),
  ])
  ports.progress.update('reading what is online')
  const { table, end, items } = await readOnline(ports, ledger, bundle, questions)
  ports.progress.update('reading the ledger')
  const spans = await findSpans(ports, { ledger, lake }, bundle, questions, end)
  const ofSpans = async <Found extends { readonly interval: Interval }>(read: (span: Interval) => Promise<Found[]>) => {
    const found = (await Promise.all(spans.map(read))).flat()
    return [...new Map(found.map((one) => [one.interval.start, one])).values()]
  }
  const [commits, states] = await Promise.all([
    ofSpans((span) => ledger.currentCommits(key, span)),
    ofSpans((span) => ledger.intervalStates(key, span)),
  ])
  const neverRan = (await Promise.all(spans.map((span) => ledger.intervalGaps(key, span)))).flat()
  const runIds = [...new Set(commits.map(({ runId }) => runId))]
  const found = await Promise.all(runIds.map((runId) => ledger.run(runId)))
  const runs = new Map(found.flatMap((run) => (run === null ? [] : [[run.runId, run] as const])))
  ports.progress.update('listing the source')
  const pinned = [...runs.values()].flatMap((run) => run.pins?.files ?? [])
  const listed = await listSource({ sources, ledger, lake }, bundle, spans, pinned)
  const { inputs, upstream } = isMillcourseError(listed) ? { inputs: [], upstream: [] } : listed
  const files = new Map(inputs.map((file) => [file.uri, file]))
  const { upstream: below } = rowSource(bundle.source)
  ports.progress.update(`computing from ${files.size} ${below ? 'inputs' : 'source files'}`)
  const committed = await filesOf(ledger, lake, key, commits)
  const held = await heldFiles(ledger, lake, bundle, commits, end)
  const explained = await engine.withSession(
    (session) =>
      explainAnswers(toolsOf(session, sources, files), {
        bundle,
        questions,
        commits: commits.map((commit) => explainedCommit(bundle, commit, runs, files)),
        ...{ committed, held },
        files: inputs,
        ...(below ? { upstream } : {}),
        publishedEndAt: end?.endAt ?? null,
        rowsMax,
        sourceError: isMillcourseError(listed) ? listed : null,
      }),
    { signal: ports.signal },
  )
  const dimensionFiles = inputs.filter(({ alias }) => alias !== undefined).map(({ uri }) => uri)
  const whole = wholeIntervals(bundle, spans)
  return { explained, table, end, items, spans: whole, commits, states, neverRan, runs, files, dimensionFiles }
}

/** With an alias: of that dimension of a query. */
type InputNow = FileNow & { readonly alias?: string }

/** None overlaps another: each row is to be read once. */
function wholeIntervals(bundle: ViewBundle, spans: readonly Interval[]): Interval[] {
  return mergeRanges(spans.map((span) => wholeInterval(bundle, span)))
}

/** From the start of the interval in which a span begins to the end of that in which it ends. */
export function wholeInterval(bundle: ViewBundle, { start, end }: Interval): Interval {
  return {
    start: intervalStartOf(bundle, start),
    end: intervalStartOf(bundle, end - 1n) + parseDuration(bundle.view.every),
  }
}

/** Who may not read the source, or cannot now, is told what is committed and online. */
async function listSource(
  ports: { readonly sources: Lake; readonly ledger: LedgerReader; readonly lake: Lake },
  bundle: ViewBundle,
  spans: readonly Interval[],
  pinned: readonly PinnedFile[],
): Promise<{ readonly inputs: InputNow[]; readonly upstream: readonly UpstreamRead[] } | MillcourseError> {
  const known = (alias?: string) => pinned.filter((file) => file.alias === alias).map(({ uri }) => uri)
  try {
    const rows = rowSource(bundle.source)
    const below = rows.upstream ? await readUpstreamNow(ports, rows.upstream, wholeIntervals(bundle, spans)) : null
    const own = below?.files ?? (await readSourceNow(ports, rows, spans, known())).values()
    const inputs: InputNow[] = [...own]
    for (const one of dimensionsOf(bundle.source)) {
      const seen = spans.map((span) => dimensionSpan(one, span))
      const found = await readSourceNow(ports, one.source, seen, known(one.alias))
      for (const file of found.values()) inputs.push({ ...file, alias: one.alias })
    }
    return { inputs, upstream: below?.reads ?? [] }
  } catch (error) {
    if (isMillcourseError(error) && (error.code.startsWith('LAKE_') || error.code === 'SOURCE_FILE_UNSUPPORTED'))
      return error
    throw error
  }
}

async function readOnline(
  ports: EvidencePorts,
  ledger: LedgerReader,
  bundle: ViewBundle,
  questions: readonly Question[],
) {
  const { view, entity } = bundle
  const table = versionTableName(
    ports.project,
    view,
    await ledger.onlineTable({ view: view.name, version: view.version }),
  )
  const nothing = { table, end: null, items: new Map<string, OnlineItem | null>() }
  if (!view.online) return nothing
  const keys = [...new Map(questions.map(({ key }) => [keyText(bundle, key), key])).entries()]
  try {
    const read = await (await ports.online()).getItemsAndEnd(
      table,
      keys.map(([, key]) => encodeKey(entity.keys, key)),
    )
    return { table, end: read.end, items: new Map(keys.map(([text], index) => [text, read.items[index] ?? null])) }
  } catch (error) {
    // The first publish makes the table.
    if (isMillcourseError(error) && error.code === 'PUBLISH_TABLE_MISSING') return nothing
    throw error
  }
}

async function findSpans(
  ports: EvidencePorts,
  { ledger, lake }: { readonly ledger: LedgerReader; readonly lake: Lake },
  bundle: ViewBundle,
  questions: readonly Question[],
  end: PublishedEnd | null,
): Promise<Interval[]> {
  const { view } = bundle
  const [now, since] = [ports.clock.now(), parseInstant(view.since)]
  // R35: what is held is shown at older ends.
  const heldEnds = (end?.held ?? []).flatMap(({ endAt }) => (endAt === null ? [] : [parseInstant(endAt)]))
  const ends = [end?.endAt ?? null, ...heldEnds]
  const ofWindows = questions.flatMap(({ at }) => ends.map((one) => windowSpans(bundle, at, one)))
  if (ofWindows.every((spans) => spans !== null)) return joined(ofWindows.flat(), since)
  const [question] = questions
  if (question === undefined || questions.length > 1) return joined(lookupSpans(bundle, now, now, null), since)
  const commits = await ledger.currentCommits({ view: view.name, version: view.version }, { start: since, end: now })
  const files = await filesOf(ledger, lake, { view: view.name, version: view.version }, commits)
  const engine = await ports.engine()
  const found = await engine.withSession((session) => readNewestPlaces(session, bundle, question, files), {
    signal: ports.signal,
  })
  const spans = joined(lookupSpans(bundle, question.at, now, found), since)
  const isHeld = commits.some(
    ({ held, interval }) => held !== undefined && spans.some((span) => overlaps(interval, span)),
  )
  // R35: what is left out of the newest row lies before it, nobody knows how far.
  return isHeld ? joined(lookupSpans(bundle, now, now, null), since) : spans
}

async function filesOf(ledger: LedgerReader, lake: Lake, key: ViewKey, commits: readonly Commit[]) {
  const span = coveringSpan(commits)
  const compactions = span === null ? [] : await ledger.compactions(key, span)
  return committedFiles(commits, compactions, (path) => lake.uri(path))
}

/** R35. */
async function heldFiles(
  ledger: LedgerReader,
  lake: Lake,
  bundle: ViewBundle,
  commits: readonly Commit[],
  end: PublishedEnd | null,
): Promise<HeldFiles[]> {
  const [, ...groups] = featureGroups(bundle.view, commits)
  const span = groups.length === 0 ? null : coveringSpan(commits)
  const { name: view, version } = bundle.view
  const compactions = span === null ? [] : await ledger.compactions({ view, version }, span)
  return groups.flatMap((group) =>
    group.features.map(({ name }): HeldFiles => {
      const { endAt: publishedEndAt } = shownEnd(end?.held, name, end?.endAt ?? null)
      const files = groupFilesOf(bundle, group, compactions, (path) => lake.uri(path))
      return { features: [name], files, publishedEndAt }
    }),
  )
}

/** From `since` on, oldest first, none overlapping another. */
function joined(spans: readonly Interval[], since: bigint): Interval[] {
  const cut = spans
    .map(({ start, end }) => ({ start: start < since ? since : start, end }))
    .filter(({ start, end }) => start < end)
  const found: Interval[] = []
  for (const span of cut.sort((a, b) => (a.start < b.start ? -1 : 1))) {
    const last = found.at(-1)
    if (last === undefined || span.start > last.end) found.push(span)
    else if (span.end > last.end) found[found.length - 1] = { start: last.start, end: span.end }
  }
  return found
}

/** Of another view, one that another took the place of; null: none. */
export function movedCommit(pins: readonly PinnedFile[], files: ReadonlyMap<string, FileNow>): string | null {
  return pins.find(({ uri, etag }) => isCommitUri(uri) && files.get(uri)?.etag !== etag)?.uri ?? null
}

function explainedCommit(
  { source }: ViewBundle,
  commit: Commit,
  runs: ReadonlyMap<string, RunRecord>,
  files: ReadonlyMap<string, FileNow>,
): ExplainedCommit {
  const pins = runs.get(commit.runId)?.pins?.files ?? []
  const here = pins.filter(({ uri, etag }) => files.get(uri)?.etag === etag)
  // What a window view answers is made of all of its commits together.
  const isMoved = rowSource(source).upstream?.view.viewKind === 'window' && movedCommit(pins, files) !== null
  return {
    interval: commit.interval,
    isRejected: commit.isRejected,
    pinned: isMoved ? [] : here.map(({ uri, role }) => ({ uri, role })),
  }
}

function toolsOf(session: QuerySession, sources: Lake, files: ReadonlyMap<string, FileNow>): ExplainTools {
  return {
    execute: (query) => session.execute(query),
    all: (query) => session.all(query),
    keepFile: (name, parts) => session.keepFile(name, parts),
    open: (file) => ({
      sizeBytes: files.get(file)?.sizeBytes ?? 0,
      read: (start, length) => sources.readRange(file, start, length),
    }),
  }
}
