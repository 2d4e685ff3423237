/** Views that are built on a view: what of them was made of intervals that run again has to, too, however long ago; their ticks look no further back than their lookback. */
import type { SourceDefinition, UpstreamView } from '../core/define/definitions.js'
import { isBeingReplaced, mergeRanges, upstreamRepair } from '../core/plan/index.js'
import type { ViewKey } from '../core/ports/ledger.js'
import type { RepairStarted } from '../core/ports/run-control.js'
import { rowSource, touchedByCommit } from '../core/source/index.js'
import type { Interval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import { otherServed } from './other-online.js'

/**
 * Of all applied views above, and of versions that these took the place of and that may be served, or are what such a one is made of, the nearest first. They run once what they are made of has run (upstream-sound.ts). The farthest are re-opened
 * first: begun again, this finds what is above by what is below it, as long as that has not run.
 */
export async function reopenAbove(
  deps: Pick<ActivityDeps, 'ledger' | 'registry' | 'online' | 'settings'>,
  key: ViewKey,
  intervals: readonly Interval[],
): Promise<NonNullable<RepairStarted['above']>> {
  const built = intervals.length === 0 ? [] : await builtOnViews(deps)
  const found: MadeOf[] = []
  const below: Pick<MadeOf, 'key' | 'made'>[] = [{ key, made: intervals }]
  // A view has one below it: none is come to twice.
  for (let next = below.shift(); next && next.made.length > 0; next = below.shift())
    for (const { key: on, upstream } of built.filter((one) => isOn(one.upstream, next!.key))) {
      const above = await madeOf(deps, on, upstream, next)
      if (above.made.length === 0) continue
      found.push(above)
      below.push(above)
    }
  for (const { key: above, open, reason } of found.toReversed()) await deps.ledger.reopenIntervals(above, open, reason)
  return found.map(({ key: { view, version }, made }) => ({ view, version, intervals: made.length }))
}

interface MadeOf {
  readonly key: ViewKey
  readonly made: readonly Interval[]
  /** Of these, what is to be re-opened, and why. */
  readonly open: readonly Interval[]
  readonly reason: string
}

async function madeOf(
  { ledger }: Pick<ActivityDeps, 'ledger'>,
  key: ViewKey,
  upstream: UpstreamView,
  below: Pick<MadeOf, 'key' | 'made'>,
): Promise<MadeOf> {
  const touched = mergeRanges(below.made.map((interval) => touchedByCommit(upstream, interval)))
  const made = new Map<bigint, Interval>()
  const open: Interval[] = []
  for (const range of touched)
    for (const state of await ledger.intervalStates(key, range)) {
      if (state.committed === null || made.has(state.interval.start)) continue
      made.set(state.interval.start, state.interval)
      // A run that is to come reads what counts then; one that is under way has read what is wrong.
      if (!isBeingReplaced(state) || state.reopenedBecause === null) open.push(state.interval)
    }
  const reason = `${upstreamRepair} ${below.key.view}@v${below.key.version} was at fault`
  return { key, made: [...made.values()], open, reason }
}

interface BuiltOn {
  readonly key: ViewKey
  readonly upstream: UpstreamView
}

async function builtOnViews(
  deps: Pick<ActivityDeps, 'ledger' | 'registry' | 'online' | 'settings'>,
): Promise<BuiltOn[]> {
  const { views = [], sources = [] } = (await deps.registry.current())?.repo ?? {}
  const others = await otherServed(deps)
  const of = (view: string, version: number, source: SourceDefinition | undefined): BuiltOn[] => {
    const upstream = source && rowSource(source).upstream
    return upstream ? [{ key: { view, version }, upstream }] : []
  }
  return [
    ...views.flatMap(({ name, version, source }) =>
      of(
        name,
        version,
        sources.find((one) => one.name === source),
      ),
    ),
    ...others.flatMap(({ view, source }) => of(view.name, view.version, source)),
  ]
}

const isOn = ({ view: { name, version } }: UpstreamView, key: ViewKey): boolean =>
  name === key.view && version === key.version
