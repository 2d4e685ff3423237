/** Whom a run's trouble reaches: services, views built on the view, views of the same source or with the same cause, and all their owners. */
import type { FeatureRepo, FeatureViewDefinition, SourceDefinition, ViewBundle } from '../../core/define/definitions.js'
import type { LedgerReader, RunRecord, ViewKey } from '../../core/ports/ledger.js'
import { inputSources, rowSource } from '../../core/source/index.js'
import type { Interval } from '../../core/time/interval.js'
import type { BuiltView, HitService, Hits, HitView, OwnerFacts } from './run-facts.js'

/** @param repo what is applied; null: nothing */
export async function blastRadius(
  ledger: LedgerReader,
  repo: FeatureRepo | null,
  key: ViewKey,
  bundle: ViewBundle | null,
  interval: Interval,
  run: RunRecord | null,
): Promise<Hits> {
  const builtOn = repo ? viewsBuiltOn(repo, key) : []
  const services = hitServices(repo, key, builtOn)
  const views = await relatedViews(ledger, repo, key, bundle, interval, run)
  return { services, builtOn, views, owners: ownersOf(bundle, sourcesAtFault(bundle, run), services, builtOn, views) }
}

/** The one that the run waited for, or that its error names; where it names none, all that the view is made of: those of the rows first. */
export function sourcesAtFault(bundle: ViewBundle | null, run: RunRecord | null): readonly SourceDefinition[] {
  const sources = bundle ? inputSources(bundle.source) : []
  const named = run?.waitedFor?.source ?? run?.error?.facts.source
  const found = sources.filter(({ name }) => name === named)
  return found.length > 0 ? found : sources
}

/** Directly and by other views; of this version alone. */
function viewsBuiltOn({ sources, views }: FeatureRepo, key: ViewKey): BuiltView[] {
  const byName = new Map<string, SourceDefinition>(sources.map((source) => [source.name, source]))
  const below = (view: FeatureViewDefinition): ViewKey | null => {
    const source = byName.get(view.source)
    const upstream = source && rowSource(source).upstream?.view
    return upstream ? { view: upstream.name, version: upstream.version } : null
  }
  const found: BuiltView[] = []
  for (const reached: ViewKey[] = [key]; reached.length > 0; ) {
    const at = reached.shift()!
    for (const view of views) {
      const on = below(view)
      if (on?.view !== at.view || on.version !== at.version || found.some((one) => one.view === view.name)) continue
      found.push({ view: view.name, version: view.version, owner: view.owner })
      reached.push({ view: view.name, version: view.version })
    }
  }
  return found
}

function hitServices(repo: FeatureRepo | null, key: ViewKey, builtOn: readonly ViewKey[]): HitService[] {
  const isOf = ({ view, version }: ViewKey, of: { readonly view: string; readonly viewVersion: number }) =>
    of.view === view && of.viewVersion === version
  return (repo?.services ?? []).flatMap(({ name, owner, features }) => {
    const taken = features.filter((feature) => isOf(key, feature)).map(({ feature }) => feature)
    const through = builtOn.filter((view) => features.some((feature) => isOf(view, feature))).map(({ view }) => view)
    return taken.length + through.length > 0 ? [{ service: name, owner, features: taken, through }] : []
  })
}

async function relatedViews(
  ledger: LedgerReader,
  repo: FeatureRepo | null,
  key: ViewKey,
  bundle: ViewBundle | null,
  interval: Interval,
  run: RunRecord | null,
): Promise<HitView[]> {
  const code = run?.error?.code ?? null
  const atFault = new Set(sourcesAtFault(bundle, run).map(({ name }) => name))
  const sourceOf = new Map<string, SourceDefinition>((repo?.sources ?? []).map((source) => [source.name, source]))
  const views: HitView[] = []
  for (const other of repo?.views ?? []) {
    if (other.name === key.view) continue
    const source = sourceOf.get(other.source)
    const isSameSource = source !== undefined && inputSources(source).some(({ name }) => atFault.has(name))
    // A fault of the source concerns its own views; any other cause may be every view's.
    if (!isSameSource && (code === null || code.startsWith('SOURCE_'))) continue
    const ran = (await ledger.intervalStates({ view: other.name, version: other.version }, interval)).flatMap(
      ({ latestRun }) => (latestRun ? [latestRun] : []),
    )
    const alike = ran.find(
      ({ outcome, errorCode, source: named = null }) =>
        outcome === 'failed' && errorCode === code && (named === null || atFault.has(named)),
    )
    const shown = alike ?? ran.find(({ outcome }) => outcome === 'failed' || outcome === 'held') ?? ran.at(-1) ?? null
    if (isSameSource || alike)
      views.push({
        view: other.name,
        version: other.version,
        owner: other.owner,
        isSameSource,
        isSameCause: alike !== undefined,
        outcome: shown?.outcome ?? null,
        error: shown?.errorCode ?? null,
      })
  }
  return views
}

/** The view's and the source's first: they are who can say what is true. */
function ownersOf(
  bundle: ViewBundle | null,
  sources: readonly SourceDefinition[],
  services: readonly HitService[],
  builtOn: readonly BuiltView[],
  views: readonly HitView[],
): OwnerFacts[] {
  const things: readonly (readonly [string | null | undefined, string])[] = [
    [bundle?.view.owner, 'this view'],
    ...sources.map(({ name, owner }) => [owner, `source ${name}`] as const),
    ...(bundle?.source.query ? [[bundle.source.owner, `query ${bundle.source.name}`] as const] : []),
    ...services.map(({ service, owner }) => [owner, service] as const),
    ...[...builtOn, ...views.filter(({ isSameCause }) => isSameCause)].map(({ view, owner }) => [owner, view] as const),
  ]
  const byOwner = new Map<string, string[]>()
  for (const [owner, thing] of things) {
    if (!owner) continue
    const known = byOwner.get(owner) ?? []
    if (!known.includes(thing)) byOwner.set(owner, [...known, thing])
  }
  return [...byOwner].map(([owner, of]) => ({ owner, of }))
}
