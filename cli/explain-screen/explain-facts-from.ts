/** The evidence of one question as facts: how each row stands, what differs, and why. */
import type { ViewBundle } from '../../core/define/definitions.js'
import {
  answeredAt,
  type CauseInput,
  explainCauses,
  type IntervalProblem,
  intervalStartOf,
  keyText,
  type Question,
  type RowRole,
  rowRoles,
  type SourceRow,
  type Standing,
} from '../../core/explain/index.js'
import type { IntervalState } from '../../core/plan/interval-state.js'
import type { Commit } from '../../core/ports/ledger.js'
import { assembleVector, type FeatureRead, instantText, toJsonValue } from '../../core/serve/index.js'
import { rowSource } from '../../core/source/index.js'
import { parseDuration } from '../../core/time/duration.js'
import { formatInstant, type Instant } from '../../core/time/instant.js'
import { type Interval, toIsoInterval } from '../../core/time/interval.js'
import type { CommitFacts, ExplainFacts, FeatureFacts, OnlineFacts, RowFacts } from './explain-facts.js'
import { type Evidence, movedCommit, wholeInterval } from './gather-evidence.js'

export interface FactsInput {
  readonly bundle: ViewBundle
  /** Of the view. */
  readonly newestVersion: number
  readonly question: Question
  readonly given: Readonly<Record<string, string>>
  readonly features: readonly string[]
  readonly evidence: Evidence
  readonly now: Instant
}

export function explainFactsFrom(input: FactsInput): ExplainFacts {
  const { bundle, question, evidence, now } = input
  const { view } = bundle
  const { upstream } = rowSource(bundle.source)
  const key = keyText(bundle, question.key)
  const item = evidence.items.get(key) ?? null
  const { end, explained, commits } = evidence
  const read = end === null ? null : assembleVector({ bundle, item, end, now })
  // As stored: a value past its ttl is not served, and says nothing of what was published.
  const stored =
    end === null || item?.values == null
      ? null
      : assembleVector({ bundle, item, end, now: item.eventAt ?? end.endAt }).values
  const answer = explained.answers[0]!
  const rows = explained.rows.filter((row) => row.key === key)
  const standings = standingsOf(bundle, evidence, now)
  const intervalOf = ({ intervalStart }: SourceRow): Interval => ({
    start: intervalStart,
    end: intervalStart + parseDuration(view.every),
  })
  const problems = problemsOf(bundle, evidence, now)
  const causeInput: CauseInput = {
    bundle,
    at: question.at,
    answer,
    published: explained.published === null ? null : explained.published.get(key),
    publishedEndAt: end?.endAt ?? null,
    online: stored,
    isExpiredOnline: read?.status === 'expired',
    rows,
    standingOf: standings.of,
    intervalOf,
    lostFiles: standings.lostFiles,
    isSourceUnreadable: explained.unreadable !== null,
    unpublished: commits
      .filter(({ publishedSequence }) => publishedSequence === null)
      .map(({ interval, runId }) => ({ interval, run: runId })),
    problems,
    held: commits.flatMap(({ interval, runId, held }) =>
      held ? [{ interval, run: runId, features: held.features }] : [],
    ),
  }
  // A file may hold rows of intervals that decide nothing here, and that nobody has looked at.
  const isInReach = ({ intervalStart }: SourceRow): boolean =>
    evidence.spans.some(({ start, end }) => intervalStart >= start && intervalStart < end)
  const roles = rowRoles({
    bundle,
    rows,
    at: question.at,
    isCommitted: (row) => standings.of(row).kind === 'committed',
    mayReplace: (row) =>
      view.viewKind === 'window' ? standings.isRead(row.file) : standings.of(row).kind === 'committed',
  })
  const verdicts = roles.filter(({ row, role }) => role !== 'not-committed' || isInReach(row))
  const counted = verdicts.filter(({ role }) => role === 'counted')
  const weight = { counted: 0, tombstone: 0, expired: 0, 'not-committed': 1 } as const
  const weightOf = (role: RowRole): number => weight[role as keyof typeof weight] ?? 2
  const shown = verdicts.toSorted((a, b) => weightOf(a.role) - weightOf(b.role))
  const found = explained.rowCounts.get(key) ?? 0
  const beyond = roles.length - verdicts.length
  const ofRows = new Set(rows.map(({ intervalStart }) => intervalStart))
  return {
    ...{ view: view.name, version: view.version, kind: view.viewKind, key: input.given },
    ...(input.newestVersion === view.version ? {} : { newestVersion: input.newestVersion }),
    ...{ at: formatInstant(question.at), answeredAt: formatInstant(answeredAt(bundle, question.at)) },
    features: view.features
      .filter(({ name }) => input.features.includes(name))
      .map(({ name, type }): FeatureFacts => {
        const json = (value: unknown) => toJsonValue(type, (value ?? null) as never)
        return {
          ...{ name, type: type.kind, value: json(answer.committed[name]) },
          ...(answer.recomputed === null ? {} : { recomputed: json(answer.recomputed[name]) }),
          ...(answer.sourceNow === null ? {} : { sourceNow: json(answer.sourceNow[name]) }),
          ...(read === null ? {} : { online: json(read.values[name]) }),
          ...heldOnline(read?.features?.[name]),
        }
      }),
    causes: explainCauses(causeInput).map((cause) => ({
      ...cause,
      interval: cause.interval && toIsoInterval(cause.interval),
    })),
    rows: shown.map(({ row, role, windows }): RowFacts => {
      const standing = standings.of(row)
      return {
        ...{ file: row.file, row: row.row, role, windows },
        ...{
          eventAt: instantText(row.eventAt),
          createdAt: row.createdAt === null ? null : instantText(row.createdAt),
        },
        interval: toIsoInterval(intervalOf(row)),
        notCommitted: standing.kind === 'committed' ? null : standing.kind,
        columns: columnsOf(bundle, row),
      }
    }),
    counts: {
      ...{ rows: found - beyond, looked: verdicts.length, counted: counted.length },
      isCut: rows.length < found,
    },
    commits: commits.filter(({ interval }) => ofRows.has(interval.start)).map(commitFacts),
    online: onlineFacts(evidence, item, read),
    state: {
      intervals: commits.length,
      missing: problems
        .filter(({ code }) => code !== 'interval-rejected')
        .map(({ interval, run, code }) => ({
          interval: toIsoInterval(interval),
          run,
          outcome: code.replace('interval-', ''),
        })),
    },
    ...(upstream ? { upstream: { view: upstream.view.name, version: upstream.view.version } } : {}),
    unreadable: explained.unreadable && { code: explained.unreadable.code, message: explained.unreadable.message },
  }
}

/** R35. */
function heldOnline(own: FeatureRead | undefined): Pick<FeatureFacts, 'onlineStatus' | 'onlineEventAt'> {
  return own ? { onlineStatus: own.status, onlineEventAt: own.eventAt } : {}
}

function columnsOf({ source }: ViewBundle, row: SourceRow): RowFacts['columns'] {
  return Object.fromEntries(
    source.schema.map((declared) => [
      declared.name,
      toJsonValue(declared, (row.columns[declared.name] ?? null) as never),
    ]),
  )
}

function commitFacts(commit: Commit): CommitFacts {
  return {
    interval: toIsoInterval(commit.interval),
    ...{ run: commit.runId, number: commit.number, commit: String(commit.commitId), isRejected: commit.isRejected },
    committedAt: formatInstant(commit.committedAt),
    publishedSequence: commit.publishedSequence === null ? null : String(commit.publishedSequence),
    path: commit.data?.path ?? null,
  }
}

function onlineFacts(
  { end, table }: Evidence,
  item: { readonly sequence: bigint } | null,
  read: ReturnType<typeof assembleVector> | null,
): OnlineFacts {
  return {
    end: end === null ? null : formatInstant(end.endAt),
    endSequence: end === null ? null : String(end.sequence),
    table,
    status: read?.status ?? null,
    eventAt: read?.eventAt ?? null,
    sequence: item === null ? null : String(item.sequence),
    missingIntervals: read?.missingIntervals ?? [],
  }
}

/** Intervals that have ended without an accepted version, and rejected ones, oldest first. */
function problemsOf(bundle: ViewBundle, { states, commits, neverRan }: Evidence, now: Instant): IntervalProblem[] {
  const rejected = commits.filter(({ isRejected }) => isRejected)
  const open = states.filter(({ committed, interval }) => committed === null && interval.end <= now)
  return [
    ...rejected.map(({ interval, runId }): IntervalProblem => ({ code: 'interval-rejected', interval, run: runId })),
    ...open.map((state): IntervalProblem => ({ ...outcomeOf(state), interval: state.interval })),
    ...endedAmong(bundle, neverRan, now).map(
      (interval): IntervalProblem => ({ code: 'interval-missing', interval, run: null }),
    ),
  ].sort((a, b) => (a.interval.start < b.interval.start ? -1 : 1))
}

/** Of parts of a span the whole intervals that they lie in, as far as these have ended. */
function endedAmong(bundle: ViewBundle, parts: readonly Interval[], now: Instant): Interval[] {
  const ended = intervalStartOf(bundle, now)
  return parts
    .map((part) => wholeInterval(bundle, part))
    .map(({ start, end }) => ({ start, end: end < ended ? end : ended }))
    .filter(({ start, end }) => start < end)
}

function outcomeOf({ latestRun }: IntervalState): Omit<IntervalProblem, 'interval'> {
  const run = latestRun?.runId ?? null
  switch (latestRun?.outcome) {
    case 'held':
      return { code: 'interval-held', run }
    case 'failed':
      return { code: 'interval-failed', run }
    case 'rejected':
      return { code: 'interval-rejected', run }
    case 'running':
      return { code: 'interval-open', run }
    default:
      return { code: 'interval-missing', run }
  }
}

interface Standings {
  of(row: SourceRow): Standing
  /** By a run of an accepted version, for whatever purpose. */
  isRead(file: string): boolean
  readonly lostFiles: CauseInput['lostFiles']
}

function standingsOf({ view, source }: ViewBundle, evidence: Evidence, now: Instant): Standings {
  const { commits, runs, files, states, dimensionFiles } = evidence
  const committed = new Map(commits.map((commit) => [commit.interval.start, commit]))
  const stateOf = new Map(states.map((state) => [state.interval.start, state]))
  // What a window view answers is made of all of its commits together.
  const isOfWindows = rowSource(source).upstream?.view.viewKind === 'window'
  const pinsOf = (commit: Commit) => runs.get(commit.runId)?.pins?.files ?? []
  const own = new Map(
    commits.map((commit) => [
      commit.interval.start,
      new Map(pinsOf(commit).flatMap(({ uri, etag, role }) => (role === 'own' ? [[uri, etag]] : []))),
    ]),
  )
  const read = new Set(commits.flatMap((commit) => (commit.isRejected ? [] : pinsOf(commit).map(({ uri }) => uri))))
  const lostFiles = commits
    .filter(({ isRejected }) => !isRejected)
    .flatMap((commit) =>
      pinsOf(commit)
        .filter(({ uri, etag, role }) => role !== 'within' && files.get(uri)?.etag !== etag)
        .map(({ uri }) => ({
          ...{ code: files.has(uri) ? ('file-changed' as const) : ('file-removed' as const), file: uri },
          ...{ run: commit.runId, interval: commit.interval },
        })),
    )
  const last = commits.findLast(({ isRejected }) => !isRejected)
  const lateDimensions = last === undefined ? [] : dimensionFiles.filter((file) => !read.has(file))
  return {
    lostFiles: [
      ...lostFiles,
      ...lateDimensions.map((file) => ({
        ...{ code: 'late-file' as const, file, run: last!.runId, interval: last!.interval },
      })),
    ],
    isRead: (file) => read.has(file),
    of(row) {
      const commit = committed.get(row.intervalStart)
      if (commit === undefined) {
        // What has not ended is nobody's fault.
        if (row.intervalStart + parseDuration(view.every) > now) return { kind: 'interval-open', run: null }
        const state = stateOf.get(row.intervalStart)
        const { code, run } = state ? outcomeOf(state) : { code: 'interval-missing' as const, run: null }
        return { kind: code, run }
      }
      if (commit.isRejected) return { kind: 'interval-rejected', run: commit.runId }
      const etag = own.get(row.intervalStart)?.get(row.file)
      if (etag === undefined) return { kind: 'late-file', run: commit.runId }
      const moved = isOfWindows ? movedCommit(pinsOf(commit), files) : null
      if (moved !== null) return { kind: 'file-changed', run: commit.runId, file: moved }
      return files.get(row.file)?.etag === etag ? { kind: 'committed' } : { kind: 'file-changed', run: commit.runId }
    },
  }
}
