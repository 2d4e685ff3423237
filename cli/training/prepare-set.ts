/** Everything about a training set that is known before its work begins: its spine, its plan, what it reads, its id. */

import { coveringSpan } from '../../core/compact/index.js'
import {
  buildTrainingSet,
  checkSpineRows,
  planTrainingSet,
  type Served,
  spineTimesFrom,
  type TrainingPlan,
  type TrainingSetInput,
} from '../../core/compute/index.js'
import type { ViewBundle } from '../../core/define/definitions.js'
import { MillcourseError } from '../../core/errors.js'
import type { Lake } from '../../core/ports/lake.js'
import type { LedgerReader } from '../../core/ports/ledger.js'
import type { QuerySession } from '../../core/ports/query-engine.js'
import type { Interval } from '../../core/time/interval.js'
import {
  areWholeStates,
  changedIntervals,
  type FeatureReads,
  type ManifestView,
  reachedIntervals,
  readsOf,
  type SetGaps,
  type SpineTimes,
  setGaps,
  stateGaps,
  type TrainingManifest,
  type TrainingMode,
  trainingSetId,
} from '../../core/training/index.js'
import type { CliContext } from '../context.js'
import type { AskedSet, FoundView } from './asked-set.js'
import { namingSpine, readSpineColumns, type SpineFile, unchangedSpine } from './read-spine.js'
import { manifestView, readViewState } from './set-state.js'
import { digestOf } from './stored-bytes.js'

export interface SetRequest {
  readonly asked: AskedSet
  readonly spine: SpineFile
  readonly views: readonly FoundView[]
  /** Of the set that is to be made again. */
  readonly before: TrainingManifest | null
  /** Its files are read, whatever was committed since. */
  readonly isPinned: boolean
}

export interface PreparedSet {
  readonly id: string
  readonly plan: TrainingPlan
  readonly spine: TrainingManifest['spine']
  readonly rows: number
  readonly times: SpineTimes | null
  readonly views: readonly ManifestView[]
  /** Null: nobody looked; as published there are none. */
  readonly gaps: SetGaps | null
}

/**
 * Leaves the spine's table in the session.
 * @throws MillcourseError TRAINING_…, and what ledger and engine throw
 */
export async function prepareSet(
  context: CliContext,
  session: QuerySession,
  request: SetRequest,
): Promise<PreparedSet> {
  const { asked, before } = request
  const { digest, ...read } = await unchangedSpine(request.spine, () => readSpine(context, session, request))
  const { rows, times } = read
  const { views, gaps } =
    before !== null && request.isPinned
      ? { views: before.views, gaps: before.gaps ?? null }
      : await presentState(context, request, times)
  const id = trainingSetId({ mode: asked.mode, eventTime: asked.eventTime, spine: digest, views: [...views] })
  if (before !== null && before.id !== id) throw otherState(before, views)
  return { id, plan: read.plan, spine: digest, rows, times, views, gaps }
}

async function readSpine(context: CliContext, session: QuerySession, { asked, spine, before, ...request }: SetRequest) {
  const { file, format } = spine
  const step = (what: string) => (done?: number) => context.progress.update(what, done)
  const hashing = step('hashing the spine')
  hashing()
  const digest = { format, ...(await digestOf(spine.bytes, context.signal, [], hashing)) }
  if (before !== null && before.spine.sha256 !== digest.sha256) throw otherSpine(before, file)
  const reading = step('reading the spine')
  reading()
  const columns = await namingSpine(spine, () => readSpineColumns(session, spine))
  const plan = await namingSpine(spine, async () =>
    planTrainingSet({
      spine: { file, format, ...columns, eventTimeColumn: asked.eventTime },
      views: request.views.map(({ bundle, alias, features, mapping }) => ({
        ...{ bundle, features, mapping },
        ...(alias === bundle.view.name ? {} : { as: alias }),
      })),
    }),
  )
  const query = buildTrainingSet({ plan, files: [] })
  await namingSpine(spine, async () => {
    for (const statement of query.spine) await session.execute(statement, reading)
  })
  checkSpineRows(await session.all(query.problems))
  return { digest, plan, ...spineTimesFrom(await session.all(query.times)) }
}

async function presentState(
  context: CliContext,
  { asked: { mode }, views }: SetRequest,
  times: SpineTimes | null,
): Promise<Pick<PreparedSet, 'views' | 'gaps'>> {
  const ledger = await context.ledger()
  const now = context.clock.now()
  const found = await Promise.all(
    views.map(async (one) => {
      const { bundle } = one
      const reads = await readViewState(ledger, bundle, mode, times, now)
      const commits = reads.flatMap((read) => read.commits)
      const span = coveringSpan(commits)
      const { name: view, version } = bundle.view
      const compactions = span === null ? [] : await ledger.compactions({ view, version }, span)
      const gaps =
        mode === 'as-published'
          ? []
          : await findGaps(ledger, bundle, reachedIntervals(bundle, mode, times, now), commits)
      return { view: bundle.view, gaps, entry: manifestView(one, reads, compactions) }
    }),
  )
  return { views: found.map(({ entry }) => entry), gaps: mode === 'as-published' ? null : setGaps(found) }
}

/** By the commits that the set is made of: one that is made while it is asked is in both answers or in none. */
async function findGaps(
  ledger: LedgerReader,
  { view }: ViewBundle,
  range: Interval | null,
  commits: readonly { readonly interval: Interval }[],
): Promise<ReturnType<typeof stateGaps>> {
  if (range === null) return []
  const committed = commits.map(({ interval }) => interval)
  if (stateGaps(range, committed, []).length === 0) return []
  const states = await ledger.unsettledIntervals({ view: view.name, version: view.version }, range)
  return stateGaps(
    range,
    committed,
    states.filter((state) => state.committed === null),
  )
}

/** What the engine reads for each view. */
export function inputsOf(
  lake: Lake,
  mode: TrainingMode,
  { plan, views }: Pick<PreparedSet, 'plan' | 'views'>,
): Required<Pick<TrainingSetInput, 'files' | 'served' | 'held'>> {
  const inputs = plan.views.map(({ bundle }, index) => {
    const [first, ...held] = readsOf(bundle, views[index]!, (path) => lake.uri(path)).map(({ features, reads }) => ({
      features,
      files: mode === 'as-published' ? [] : reads.flatMap(({ files }) => files),
      served: servedAs(mode, bundle, reads),
    }))
    return { ...first!, held }
  })
  return {
    files: inputs.map(({ files }) => files),
    served: inputs.map(({ served }) => served),
    held: inputs.map(({ held }) => held),
  }
}

function servedAs(mode: TrainingMode, bundle: ViewBundle, reads: FeatureReads['reads']): Served | null {
  if (mode === 'knowable') return null
  if (mode === 'as-served') return { is: 'asServed' }
  return { is: 'asPublished', reads, areWholeStates: areWholeStates(bundle) }
}

function otherSpine({ asked }: TrainingManifest, file: string): MillcourseError {
  const isOfQuery = asked.sql !== undefined && file !== asked.spine
  const what = isOfQuery ? 'what the query of the spine gives now' : `the spine ${file}`
  return new MillcourseError('TRAINING_STATE_CHANGED', `${what} is not the one that the set was made of`, {
    hint: `name the file as it was with --spine; its sha256 stands in the manifest${isOfQuery ? `, and it lay at ${asked.spine}` : ''}`,
    facts: { file },
  })
}

const shownMax = 5

/** R27: late files and reruns commit an interval anew. */
function otherState(before: TrainingManifest, now: readonly ManifestView[]): MillcourseError {
  const changes = before.views.flatMap((view, index) => {
    const intervals = changedIntervals(view, now[index]!)
    if (intervals.length === 0) return []
    const rest = intervals.length > shownMax ? ` and ${intervals.length - shownMax} more` : ''
    const shown = intervals.slice(0, shownMax).map((text) => `[${text.replace('/', ', ')})`)
    return [`${view.view}@v${view.version} ${shown.join(', ')}${rest}`]
  })
  return new MillcourseError(
    'TRAINING_STATE_CHANGED',
    `what was committed has changed since set ${before.id.slice(0, 12)} was made: ${changes.join('; ') || 'other publishes were recorded'}`,
    {
      hint: '--pinned reads the files that the set was made of, while they are there; without --rebuild a new set is made of what is committed now',
      facts: { set: before.id, views: changes.length },
    },
  )
}
