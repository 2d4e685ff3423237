/** Step 3: the candidate, its quarantine, its counts and its profile, from exactly the pinned files. */
import { activityInfo, Context } from '@temporalio/activity'
import {
  buildIntervalQuery,
  type Candidate,
  type ExactCopies,
  type IntervalQuery,
  type LakePart,
  makeExactCopies,
  printCommittedFile,
  type RowCounts,
  reopensFrom,
  rowCountsFrom,
  summingFeatures,
} from '../core/compute/index.js'
import type { ViewBundle } from '../core/define/definitions.js'
import { assert, isMillcourseError, MillcourseError } from '../core/errors.js'
import {
  buildProfileQueries,
  type Profile,
  type ProfileSketches,
  profileFrom,
  sketchesFrom,
} from '../core/judge/index.js'
import { filesByRole, type PinnedFile } from '../core/plan/index.js'
import type { QuerySession } from '../core/ports/query-engine.js'
import { dimensionsOf, isCommitUri, rowSource } from '../core/source/index.js'
import { parseDuration } from '../core/time/duration.js'
import { type IsoInstant, parseInstant } from '../core/time/instant.js'
import { fromIsoInterval, type Interval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import { appliedBundle } from './applied-bundle.js'
import { askOwnChecks } from './ask-own-checks.js'
import { checkClaimedTimes } from './claimed-times.js'
import { emptyInterval } from './empty-interval.js'
import { explainingUnreadable } from './explain-unreadable.js'
import { withPinsVerified } from './pinned-files.js'
import { pinnedRun } from './pinned-run.js'
import { readFileTypes } from './read-file-types.js'
import { sourceOfFile } from './source-of-file.js'
import { sparingWorkers } from './spare-workers.js'
import type { ComputeStepResult, RunRef } from './steps.js'
import { removingUnfinished } from './unfinished-files.js'
import { pinnedCommits } from './upstream-commits.js'

export function computeInterval(deps: ActivityDeps) {
  return async (run: RunRef): Promise<ComputeStepResult> => {
    const bundle = await appliedBundle(deps, run)
    const record = await pinnedRun(deps, run)
    // An attempt before this one came to its end, though its answer was lost.
    if (record.candidate && record.profile) return { counts: record.candidate.counts }
    const { files } = record.pins
    const computed: Computed = files.every(({ role }) => role === 'dimension')
      ? emptyInterval(run, bundle)
      : await sparingWorkers((begin) =>
          removingUnfinished(deps.lake, (writes) =>
            withPinsVerified(deps, files, () => compute(deps, run, bundle, files, { begin, writes })),
          ),
        )
    // Before the candidate is recorded: a crash in between repeats both.
    await reopenUnseen(deps, run, bundle, files, computed.candidate.reopens)
    const { candidate, profile, sketches, peakMemoryBytes } = computed
    await deps.ledger.recordProgress(run.runId, { candidate, profile, sketches })
    return { counts: candidate.counts, ...(peakMemoryBytes === undefined ? {} : { peakMemoryBytes }) }
  }
}

interface Computed {
  readonly candidate: Candidate
  readonly profile: Profile
  readonly sketches: ProfileSketches
  /** Absent: the query engine was not asked. */
  readonly peakMemoryBytes?: number
}

async function compute(
  deps: ActivityDeps,
  run: RunRef,
  bundle: ViewBundle,
  files: readonly PinnedFile[],
  { begin, writes }: { readonly begin: () => void; readonly writes: (path: string) => void },
): Promise<Computed> {
  const byRole = filesByRole(
    files,
    dimensionsOf(bundle.source).map(({ alias }) => alias),
  )
  const { attempt } = activityInfo()
  return await deps.engine.withSession(
    async (session) => {
      // The engine has one heavy slot, and it is ours.
      begin()
      const copies = await readTypes(deps, session, bundle, files)
      const interval = fromIsoInterval(run.interval)
      const query = buildIntervalQuery({
        bundle,
        interval,
        files: { ...byRole, upstream: await pinnedCommits(deps, rowSource(bundle.source), interval, files) },
        fileTypes: copies.types,
      })
      await explainingUnreadable(deps, sourceOfFile(bundle.source, files), session, () =>
        copies.naming(async () => {
          for (const statement of query.statements) await session.execute(statement)
        }),
      )
      const counts = await readCounts(session, query)
      if (counts.outside > 0) await checkClaimedTimes(deps, session, bundle, query, byRole, copies.types)
      const { profile, sketches } = await readProfile(session, bundle, query, counts)
      const reopens = query.reopens ? reopensFrom(await session.all(query.reopens)) : []
      const write = (room: string, file: string, select: string) => {
        const path = `${room}/${run.runId}/${attempt}/${file}.parquet`
        writes(path)
        return writeParquet(deps, session, path, select)
      }
      const rejected = counts.read - counts.kept - (counts.filtered ?? 0)
      const candidate: Candidate = {
        runId: run.runId,
        data: counts.kept > 0 ? await namingSums(bundle, () => write('candidates', 'data', query.output)) : null,
        quarantine: rejected > 0 ? await write('quarantine', 'rejected', `SELECT * FROM ${query.rejected}`) : null,
        counts,
        reopens,
      }
      return { candidate, profile, sketches, peakMemoryBytes: await session.peakMemoryBytes() }
    },
    { signal: Context.current().cancellationSignal },
  )
}

async function readTypes(
  deps: ActivityDeps,
  session: QuerySession,
  { source }: ViewBundle,
  files: readonly PinnedFile[],
): Promise<ExactCopies> {
  const uris = [...new Set(files.map((file) => file.uri).filter((uri) => !isCommitUri(uri)))]
  const types = await readFileTypes(session, uris)
  const sizes = new Map(files.map((file) => [file.uri, file.sizeBytes]))
  return await makeExactCopies(
    types,
    [rowSource(source), ...dimensionsOf(source).map((one) => one.source)]
      .flatMap(({ schema }) => schema)
      .filter(({ kind }) => kind === 'timestamp')
      .map(({ name }) => name),
    {
      all: (query) => session.all(query),
      keepFile: (name, parts) => session.keepFile(name, parts),
      open: (file) => ({
        sizeBytes: sizes.get(file) ?? 0,
        read: (start, length) => deps.sources.readRange(file, start, length),
      }),
    },
  )
}

/** Every value fits its type when it is read: what does not fit later is a sum. */
async function namingSums<T>(bundle: ViewBundle, compute: () => Promise<T>): Promise<T> {
  try {
    return await compute()
  } catch (error) {
    const names = summingFeatures(bundle).join(', ')
    if (!isMillcourseError(error) || error.code !== 'COMPUTE_VALUE_OUT_OF_RANGE' || names === '') throw error
    const view = bundle.view.name
    throw new MillcourseError(error.code, `a sum of ${view} does not fit 38 digits, of ${names}: ${error.message}`, {
      cause: error,
      hint: 'correct the values in the source, or leave the feature out; the interval runs again when its files or the definition change',
      facts: { view, features: names },
    })
  }
}

/** R28. @throws MillcourseError RUN_COUNTS_DO_NOT_RECONCILE */
async function readCounts(session: QuerySession, query: IntervalQuery): Promise<RowCounts> {
  const [row] = await session.all(query.counts)
  assert(row, 'the counts of an interval are one row')
  const counts = rowCountsFrom(row)
  const { read, kept, rejected, filtered = 0 } = counts
  if (read !== kept + rejected.null_key + rejected.null_event_time + filtered)
    throw new MillcourseError(
      'RUN_COUNTS_DO_NOT_RECONCILE',
      `read ${read} rows, but kept ${kept}, rejected ${rejected.null_key + rejected.null_event_time} and filtered ${filtered}`,
      {
        hint: 'this is a mistake in millcourse: please report it with the output of `millcourse runs show`',
        facts: { read, kept, ...rejected, filtered },
      },
    )
  return counts
}

async function readProfile(
  session: QuerySession,
  bundle: ViewBundle,
  query: IntervalQuery,
  counts: RowCounts,
): Promise<{ readonly profile: Profile; readonly sketches: ProfileSketches }> {
  const queries = buildProfileQueries(bundle, query.kept)
  const [columns] = await session.all({ sql: queries.columns })
  const [keys] = await session.all({ sql: queries.keys })
  assert(columns && keys, 'a profile is one row')
  const sketched = sketchesFrom(bundle, await session.all({ sql: queries.sketches }))
  const own = await askOwnChecks(session, bundle, query.kept)
  return { profile: { ...profileFrom(bundle, counts, columns, keys, sketched), ...own }, sketches: sketched.sketches }
}

async function writeParquet(
  deps: ActivityDeps,
  session: QuerySession,
  path: string,
  select: string,
): Promise<LakePart> {
  await deps.lake.prepareWrite(path)
  const [written] = await session.all(printCommittedFile(select, deps.lake.uri(path)))
  const file = await deps.lake.digest(path)
  assert(file, 'a file that was written is there')
  const { sha256, sizeBytes } = file
  return { path, rows: Number(Object.values(written ?? {})[0]), sizeBytes, sha256 }
}

/** R19: intervals whose rows are replaced by rows found here, unless their own latest run has looked at these files already. */
async function reopenUnseen(
  deps: ActivityDeps,
  run: RunRef,
  bundle: ViewBundle,
  files: readonly PinnedFile[],
  starts: readonly IsoInstant[],
): Promise<void> {
  const everyNs = parseDuration(bundle.view.every)
  const own = files.filter((file) => file.role === 'own')
  const unseen: Interval[] = []
  for (const start of starts.map(parseInstant)) {
    const interval = { start, end: start + everyNs }
    const [state] = await deps.ledger.intervalStates(run, interval)
    const latest = state?.latestRun && (await deps.ledger.run(state.latestRun.runId))
    const seen = new Set(latest?.pins?.files.map((file) => `${file.uri}\n${file.etag}`))
    if (latest?.pins && !own.every((file) => seen.has(`${file.uri}\n${file.etag}`))) unseen.push(interval)
  }
  await deps.ledger.reopenIntervals(run, unseen, `redelivered events were found in ${run.interval.start}`)
}
