/** Views that are built on a view: what of them was made of intervals that run again has to, too, however long ago; their ticks look no further back than their lookback. */
import type { FeatureRepo, UpstreamView } from '../core/define/definitions.js'
import { isBeingReplaced, mergeRanges, upstreamRepair } from '../core/plan/index.js'
import type { ViewKey } from '../core/ports/ledger.js'
import type { RepairStarted } from '../core/ports/run-control.js'
import { rowSource, touchedByCommit } from '../core/source/index.js'
import type { Interval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'

/**
 * Of all applied views above, the nearest first. They run once what they are made of has run (upstream-sound.ts). The farthest are re-opened
 * first: begun again, this finds what is above by what is below it, as long as that has not run.
 */
export async function reopenAbove(
  deps: Pick<ActivityDeps, 'ledger' | 'registry'>,
  key: ViewKey,
  intervals: readonly Interval[],
): Promise<NonNullable<RepairStarted['above']>> {
  const repo = (await deps.registry.current())?.repo
  const found: MadeOf[] = []
  const below: Pick<MadeOf, 'key' | 'made'>[] = [{ key, made: intervals }]
  // A view has one below it: none is come to twice.
  for (let next = below.shift(); repo && next && next.made.length > 0; next = below.shift())
    for (const { view, version, upstream } of viewsOn(repo, next.key)) {
      const above = await madeOf(deps, { view, version }, upstream, next)
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

function viewsOn({ views, sources }: FeatureRepo, { view, version }: ViewKey) {
  return views.flatMap((one) => {
    const source = sources.find(({ name }) => name === one.source)
    const upstream = source && rowSource(source).upstream
    const isOn = upstream?.view.name === view && upstream.view.version === version
    return isOn ? [{ view: one.name, version: one.version, upstream }] : []
  })
}
