/** What a check compares with: the state that online shows, at its end, and what it is merged from. */
import type { ViewBundle } from '../core/define/definitions.js'
import type { Compaction } from '../core/ports/compaction-ledger.js'
import type { Commit, ViewKey } from '../core/ports/ledger.js'
import type { ShownState } from '../core/ports/ledger-quality.js'
import { heldFrom, reachedSpan, versionTableName, windowReach } from '../core/publish/index.js'
import { type Instant, parseInstant } from '../core/time/instant.js'
import type { Interval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import { type FilePlaces, filePlaces } from './file-places.js'
import { findCompactions } from './find-compactions.js'

export interface Target {
  readonly state: ShownState | null
  /** Null: an offline view, or nothing published: items are no matter. */
  readonly table: string | null
  /** Null: nothing is committed. */
  readonly endAt: Instant | null
  readonly span: Interval | null
  /** Of the state that is shown; of a view that shows nothing, of now. */
  readonly commits: readonly Commit[]
  /** R35: of the state that is shown, before the span, what windows reach that are held at an older end. */
  readonly heldCommits: readonly Commit[]
  /** Of now, before the span, which training sets alone read, and after it; oldest first. */
  readonly others: readonly Commit[]
  /** What stands for many of all these, by URIs. */
  readonly compactions: readonly Compaction[]
  readonly places: FilePlaces
}

export async function findTarget(deps: ActivityDeps, bundle: ViewBundle, key: ViewKey): Promise<Target> {
  const { view } = bundle
  const state = await deps.ledger.shownState(key)
  const shown = view.online ? (state?.shown ?? null) : null
  const table =
    shown === null ? null : versionTableName(deps.settings.project, view, await deps.ledger.onlineTable(key))
  const reach = await findReach(deps, bundle, key, state)
  if (reach === null)
    return { state, table, endAt: null, span: null, commits: [], heldCommits: [], others: [], ...nowhere(deps) }
  const found = await deps.ledger.commitsAt(key, reach.span, shown)
  const commits = found.filter(({ interval }) => interval.end <= reach.endAt)
  const { start, end } = reach.span
  const window = windowReach(view)
  const from = window === null ? start : heldFrom(shown?.held ?? [], window, parseInstant(view.since), start)
  const older = from < start ? await deps.ledger.commitsAt(key, { start: from, end: start }, shown) : []
  const heldCommits = older.filter(({ interval }) => interval.end <= start)
  const around = [
    { start: parseInstant(view.since), end: start },
    { start: end, end: deps.clock.now() },
  ].filter((range) => range.start < range.end)
  const whole = (await Promise.all(around.map((range) => deps.ledger.currentCommits(key, range)))).flat()
  const others = whole.filter(({ interval }) => interval.end <= start || interval.start >= end)
  const compactions = (await findCompactions(deps.ledger, key, [...others, ...heldCommits, ...commits])).map((one) => ({
    ...one,
    files: one.files.map((file) => ({ ...file, path: deps.lake.uri(file.path) })),
  }))
  const places = filePlaces(deps.lake, [...others, ...commits], compactions)
  return { state, table, ...reach, commits, heldCommits, others, compactions, places }
}

const nowhere = ({ lake }: ActivityDeps) => ({ compactions: [], places: filePlaces(lake, [], []) })

/** The end that values are of, and the span that they are merged from. Null: nothing is committed. */
async function findReach(
  deps: Pick<ActivityDeps, 'ledger' | 'clock'>,
  { view }: ViewBundle,
  key: ViewKey,
  state: ShownState | null,
): Promise<{ readonly endAt: Instant; readonly span: Interval } | null> {
  const since = parseInstant(view.since)
  const shown = view.online ? (state?.shown ?? null) : null
  const endAt = shown?.endAt ?? (await newestEnd(deps, key, since))
  if (endAt === null || endAt <= since) return null
  const window = windowReach(view)
  return { endAt, span: window === null ? { start: since, end: endAt } : reachedSpan(endAt, window, since) }
}

async function newestEnd(
  { ledger, clock }: Pick<ActivityDeps, 'ledger' | 'clock'>,
  key: ViewKey,
  since: Instant,
): Promise<Instant | null> {
  const commits = await ledger.commitsAt(key, { start: since, end: clock.now() }, null)
  return commits.at(-1)?.interval.end ?? null
}
