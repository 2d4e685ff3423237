/**
 * A feature held alone (R35) is left out of a commit whose other features count. Whoever reads committed files reads those features
 * together that lack the same commits; what each group answers is put side by side again, by key or by row of the spine:
 *
 *     commits     a  b  c  d            delay held in c, distance in b and c
 *     group 1     a  b  c  d            all others, and the keys and times of the view
 *     group 2     a  b     d            delay
 *     group 3     a        d            distance
 *
 * Nothing held, as nearly always: one group, of everything.
 */
import type { Feature, FeatureViewDefinition } from '../define/definitions.js'
import { type Instant, type IsoInstant, parseInstant } from '../time/instant.js'
import type { Interval, IsoInterval } from '../time/interval.js'
import { type CommittedFile, type CompactedCommits, committedFiles, type WantedCommit } from './committed-files.js'

/** Of a commit: what was left out of it. */
export interface HeldFeatures {
  readonly features: readonly string[]
  /** Decided: left out for good. False: it awaits a decision. */
  readonly isRejected: boolean
}

/** Windows that a publish shows otherwise (core/publish/held-windows.ts). JSON-safe: it lies in the ledger and online. */
export interface HeldWindow {
  readonly features: readonly string[]
  /** Null: they were never shown. */
  readonly endAt: IsoInstant | null
  /** `onGap: mark`: what their windows reach at E and do not hold; none: they are not at E. */
  readonly missing: readonly IsoInterval[]
}

/**
 * Where a publish shows a feature's windows: at its own end, unless they are held.
 * @param held of the publish; absent: none
 * @returns `endAt` null: nowhere, they were never shown, or nothing is published
 */
export function shownEnd(
  held: readonly Pick<HeldWindow, 'features' | 'endAt'>[] | undefined,
  feature: string,
  endAt: Instant | null,
): { readonly endAt: Instant | null; readonly isHeld: boolean } {
  const own = held?.find(({ features }) => features.includes(feature))
  if (own === undefined) return { endAt, isHeld: false }
  return { endAt: own.endAt === null ? null : parseInstant(own.endAt), isHeld: true }
}

export interface HoldingCommit {
  readonly commitId: bigint
  /** Absent: it holds all features. */
  readonly held?: Pick<HeldFeatures, 'features'>
}

export interface FeatureGroup<C, F = Feature> {
  /** In the view's order. */
  readonly features: readonly F[]
  /** Those that have them accepted, in the order given. */
  readonly commits: readonly C[]
  readonly leftOut: readonly C[]
}

/** The first is of the features that no commit lacks, be there any or not. @param commits that count */
export function featureGroups<C extends HoldingCommit, F extends { readonly name: string }>(
  { features }: { readonly features: readonly F[] },
  commits: readonly C[],
): FeatureGroup<C, F>[] {
  const holding = commits.filter(({ held }) => held !== undefined && held.features.length > 0)
  if (holding.length === 0) return [{ features, commits, leftOut: [] }]
  const groups = new Map<string, { features: F[]; leftOut: readonly C[] }>([['', { features: [], leftOut: [] }]])
  for (const feature of features) {
    const leftOut = holding.filter(({ held }) => held!.features.includes(feature.name))
    const name = leftOut.map(({ commitId }) => commitId).join()
    const known = groups.get(name)
    if (known) known.features.push(feature)
    else groups.set(name, { features: [feature], leftOut })
  }
  return [...groups.values()].map((group) => {
    const isOut = new Set(group.leftOut.map(({ commitId }) => commitId))
    return { ...group, commits: commits.filter(({ commitId }) => !isOut.has(commitId)) }
  })
}

/**
 * The files of a group. A tombstone (R18) is no value of any feature: of what a lookup group leaves out, the rows that delete count.
 * @param compactions the newest first
 */
export function groupFilesOf(
  bundle: { readonly view: FeatureViewDefinition; readonly source: { readonly tombstone: string | null } },
  { commits, leftOut }: Pick<FeatureGroup<WantedCommit>, 'commits' | 'leftOut'>,
  compactions: readonly CompactedCommits[],
  toUri: (path: string) => string,
): CommittedFile[] {
  const files = committedFiles(commits, compactions, toUri)
  if (leftOut.length === 0 || bundle.view.viewKind === 'window' || bundle.source.tombstone === null) return files
  const deleting = committedFiles(leftOut, compactions, toUri).map((file): CommittedFile => {
    const { uri, within } = typeof file === 'string' ? { uri: file, within: null } : file
    return { uri, within, bucket: null, isDeletedOnly: true }
  })
  return [...files, ...deleting]
}

/**
 * Features that a commit of these leaves out where a value comes from: of a lookup in the interval of its row, of a window anywhere in reach.
 */
export function heldFeaturesIn(
  { view }: { readonly view: Pick<FeatureViewDefinition, 'viewKind'> },
  commits: readonly (HoldingCommit & { readonly interval: Interval })[],
): (eventAt: Instant | null) => ReadonlySet<string> {
  const holding = commits.filter(({ held }) => held !== undefined)
  const all = new Set(holding.flatMap(({ held }) => held!.features))
  if (view.viewKind === 'window' || holding.length === 0) return () => all
  return (eventAt) => {
    const own = holding.find(({ interval }) => eventAt !== null && interval.start <= eventAt && eventAt < interval.end)
    return new Set(own?.held?.features ?? [])
  }
}
