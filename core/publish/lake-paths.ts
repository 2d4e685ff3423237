/** Where committed and published files lie below the lake's root. Names hold only what every file system and object store takes. */
import type { FeatureViewDefinition } from '../define/definitions.js'
import { formatDuration } from '../time/duration.js'
import { formatInstant, type Instant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'

type VersionedView = Pick<FeatureViewDefinition, 'name' | 'version' | 'viewKind'>

/** A run's committed file: rows of a lookup view, tiles of a window view. */
export function committedPath(view: VersionedView, intervalStart: Instant, runId: string): string {
  const room = view.viewKind === 'window' ? 'tiles' : 'rows'
  const start = formatInstant(intervalStart).replaceAll(/[-:]/g, '')
  return `${room}/${view.name}/v${view.version}/${start}/${safeName(runId)}.parquet`
}

/** The path up to the file's name, if it is a committed file's: one folder an interval. Null: a coarse tile, or none of ours. */
export function intervalFolderOf(path: string): string | null {
  return /^(?:rows|tiles)\/[^/]+\/v\d+\/\d{8}T\d{6}(?:\.\d+)?Z\/(?=[^/]+\.parquet$)/.exec(path)?.[0] ?? null
}

/** A coarse tile: a cache, merged by a publish from the committed tiles of its span. */
export function coarseTilePath(
  view: VersionedView,
  span: Interval,
  publish: { readonly sequence: bigint; readonly owner: string },
): string {
  const start = formatInstant(span.start).replaceAll(/[-:]/g, '')
  const length = formatDuration(span.end - span.start)
  return `tiles/${view.name}/v${view.version}/coarse/${start}/${publish.sequence}-${safeName(publish.owner)}-${length}.parquet`
}

/** What one publish attempt writes: its delta, and the published state that it rebuilt or merged. */
export function publishedPath(
  view: VersionedView,
  kind: 'delta' | 'base' | 'scan',
  publish: { readonly sequence: bigint; readonly owner: string },
): string {
  const sequence = publish.sequence.toString().padStart(12, '0')
  return `published/${view.name}/v${view.version}/${sequence}-${safeName(publish.owner)}-${kind}.parquet`
}

function safeName(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_.-]/g, '_')
}
