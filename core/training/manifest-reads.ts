/**
 * What a manifest's view is read from: which files answer is decided by the manifest alone. Features that commits leave out (R35) are read on
 * their own, together where they lack the same and were shown at the same ends.
 */
import {
  type CommittedFile,
  type CompactedCommits,
  committedFiles,
  uriOfFile,
  type WantedCommit,
} from '../compute/committed-files.js'
import {
  type FeatureGroup,
  featureGroups,
  groupFilesOf,
  type HoldingCommit,
  shownEnd,
} from '../compute/feature-groups.js'
import { neverShown } from '../compute/training-asked.js'
import type { ViewBundle } from '../define/definitions.js'
import { type Instant, parseInstant } from '../time/instant.js'
import type { ManifestView, PinnedCommit } from './manifest.js'

export interface ManifestRead {
  readonly files: readonly CommittedFile[]
  readonly publishes: readonly { readonly recordedAt: Instant; readonly endAt: Instant }[]
  /** As `PublishedRead`. */
  readonly isHeld?: true
}

export interface FeatureReads {
  readonly features: readonly string[]
  readonly reads: readonly ManifestRead[]
}

/** The first is of the features that nothing leaves out, be there any or not. */
export function readsOf(
  bundle: Pick<ViewBundle, 'view' | 'source'>,
  view: ManifestView,
  toUri: (path: string) => string,
): readonly FeatureReads[] {
  const groups = new Map<string, { features: string[]; asked: AskedRead[] }>()
  const everyCommit = readCommits(view)
  const ofAll = everyCommit.map(({ commits, publishes }) => ({
    ...{ commits, leftOut: [] },
    publishes: publishes.map(({ recordedAt, endAt }) => ({ recordedAt, endAt, isHeld: false })),
  }))
  groups.set(nameOf(ofAll), { features: [], asked: ofAll })
  for (const feature of view.features) {
    const asked = everyCommit.map(({ commits, publishes }) => ({
      ...groupOf(feature, commits),
      publishes: publishes.map(({ recordedAt, endAt, held }) => ({ recordedAt, ...shownEnd(held, feature, endAt) })),
    }))
    const name = nameOf(asked)
    const known = groups.get(name)
    if (known) known.features.push(feature)
    else groups.set(name, { features: [feature], asked })
  }
  const compactions = compactionsOf(view)
  return [...groups.values()].map(({ features, asked }) => ({
    features,
    reads: asked.flatMap((read): ManifestRead[] => {
      const files = groupFilesOf(bundle, read, compactions, toUri)
      const [held, others] = [true, false].map((isHeld) => read.publishes.filter((one) => one.isHeld === isHeld))
      const publishes = (of: typeof held) =>
        of!.map(({ recordedAt, endAt }) => ({ recordedAt, endAt: endAt ?? neverShown(bundle) }))
      return [
        ...(held!.length === 0 || others!.length > 0 ? [{ files, publishes: publishes(others) }] : []),
        ...(held!.length > 0 ? [{ files, publishes: publishes(held), isHeld: true as const }] : []),
      ]
    }),
  }))
}

type PinnedWanted = WantedCommit & HoldingCommit

interface ShownPublish {
  readonly recordedAt: Instant
  /** Null: never before. */
  readonly endAt: Instant | null
  readonly isHeld: boolean
}

interface AskedRead extends Pick<FeatureGroup<PinnedWanted>, 'commits' | 'leftOut'> {
  readonly publishes: readonly ShownPublish[]
}

function readCommits(view: ManifestView) {
  const commits = new Map(view.files.map((file) => [file.commitId, wantedCommit(file)]))
  return view.reads.map(({ publishes, commitIds }) => ({
    commits: commitIds.flatMap((id) => commits.get(id) ?? []),
    publishes: publishes.map(({ recordedAt, endAt, held }) => ({
      ...{ recordedAt: parseInstant(recordedAt), endAt: parseInstant(endAt), held },
    })),
  }))
}

function groupOf(
  feature: string,
  commits: readonly PinnedWanted[],
): Pick<FeatureGroup<PinnedWanted>, 'commits' | 'leftOut'> {
  return featureGroups({ features: [{ name: feature }] }, commits).at(-1)!
}

function nameOf(reads: readonly AskedRead[]): string {
  return reads
    .map(({ leftOut, publishes }) =>
      [
        ...leftOut.map(({ commitId }) => commitId),
        '',
        ...publishes.map(({ endAt, isHeld }) => `${endAt}${isHeld}`),
      ].join(),
    )
    .join(';')
}

function compactionsOf(view: ManifestView): CompactedCommits[] {
  return (view.compactions ?? []).map(({ commitIds, removedIds, files }) => ({
    commitIds: commitIds.map(BigInt),
    removedIds: removedIds.map(BigInt),
    files,
  }))
}

function wantedCommit({ commitId, start, end, path, held }: PinnedCommit): PinnedWanted {
  return {
    commitId: BigInt(commitId),
    interval: { start: parseInstant(start), end: parseInstant(end) },
    data: path === null ? null : { path },
    ...(held === undefined ? {} : { held }),
  }
}

/** Below the lake's root, each once. */
export function pathsReadFor(view: ManifestView): string[] {
  const compactions = compactionsOf(view)
  const features = view.features.map((name) => ({ name }))
  const files = readCommits(view).flatMap(({ commits }) =>
    featureGroups({ features }, commits).flatMap((group) =>
      [group.commits, group.leftOut].flatMap((of) => committedFiles(of, compactions, (path) => path)),
    ),
  )
  return [...new Set(files.map(uriOfFile))]
}
