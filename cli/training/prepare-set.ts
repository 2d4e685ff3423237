/** Everything about a training set that is known before its work begins: its spine, its plan, what it reads, its id. */

import { coveringSpan } from '../../core/compact/index.js'
import {
  buildTrainingSet,
  type CommittedFile,
  checkSpineRows,
  planTrainingSet,
  type Served,
  spineTimesFrom,
  type TrainingPlan,
} from '../../core/compute/index.js'
import { MillcourseError } from '../../core/errors.js'
import type { Lake } from '../../core/ports/lake.js'
import type { QuerySession } from '../../core/ports/query-engine.js'
import {
  areWholeStates,
  changedIntervals,
  type ManifestView,
  readsOf,
  type SpineTimes,
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
  const views = before !== null && request.isPinned ? before.views : await presentViews(context, request, times)
  const id = trainingSetId({ mode: asked.mode, eventTime: asked.eventTime, spine: digest, views: [...views] })
  if (before !== null && before.id !== id) throw otherState(before, views)
  return { id, plan: read.plan, spine: digest, rows, times, views }
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

async function presentViews(
  context: CliContext,
  { asked, views }: SetRequest,
  times: SpineTimes | null,
): Promise<ManifestView[]> {
  const ledger = await context.ledger()
  const now = context.clock.now()
  return Promise.all(
    views.map(async (found) => {
      const reads = await readViewState(ledger, found.bundle, asked.mode, times, now)
      const span = coveringSpan(reads.flatMap(({ commits }) => commits))
      const { name: view, version } = found.bundle.view
      return manifestView(found, reads, span === null ? [] : await ledger.compactions({ view, version }, span))
    }),
  )
}

/** What the engine reads for each view. */
export function inputsOf(
  lake: Lake,
  mode: TrainingMode,
  { plan, views }: Pick<PreparedSet, 'plan' | 'views'>,
): { readonly files: readonly (readonly CommittedFile[])[]; readonly served: readonly (Served | null)[] } {
  const reads = views.map((view) => readsOf(view, (path) => lake.uri(path)))
  return {
    files: reads.map((of) => (mode === 'as-published' ? [] : of.flatMap(({ files }) => files))),
    served: plan.views.map(({ bundle }, index): Served | null => {
      if (mode === 'knowable') return null
      if (mode === 'as-served') return { is: 'asServed' }
      return { is: 'asPublished', reads: reads[index]!, areWholeStates: areWholeStates(bundle) }
    }),
  }
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
