import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { parseDuration } from '../time/duration.js'
import { floorTo, parseInstant } from '../time/instant.js'
import { canonicalJson, type Json } from './canonical-json.js'
import type { Column, EntityDefinition, FeatureViewDefinition, SourceDefinition, UpstreamView } from './definitions.js'
import { queryContent } from './query-content.js'
import { formatKind, typed } from './typed-column.js'

export interface ViewParts {
  readonly view: FeatureViewDefinition
  readonly entity: EntityDefinition
  readonly source: SourceDefinition
}

/**
 * sha256, hex, of all that decides a value of the view version. The same hash: what is committed stays right. Another one: the
 * version must rise, because what was committed under the old definition is no longer the answer.
 */
export function definitionHash(parts: ViewParts): string {
  return bytesToHex(sha256(utf8ToBytes(canonicalJson({ ...decisiveContent(parts), version: parts.view.version }))))
}

/**
 * What decides a value, as nested fields whose paths name them in a diff. Left out: documentation, checks, SLA, lookback,
 * readiness, online, onGap (what is published when, not what it says) and the coarse tile (R9: the same answer, sooner).
 */
export function decisiveContent({ view, entity, source }: ViewParts): { readonly [key: string]: Json } {
  return {
    view: view.name,
    viewKind: view.viewKind,
    keyColumns: view.keyColumns.map(({ key, column }) => ({ key, column })),
    // Only where the grid lies: more history before it changes no interval.
    grid: (parseInstant(view.since) - floorTo(parseInstant(view.since), parseDuration(view.every))).toString(),
    every: view.every,
    tile: view.tile,
    ttl: view.ttl,
    lag: view.lag,
    features: view.features.map((feature) => ({ ...feature, type: formatKind(feature.type) })),
    entity: { keys: entity.keys.map(typed) },
    source: { ...sourceContent(source), schema: decisiveColumns(view, source).map(typed) },
  }
}

/** Where rows come from, and what their times mean. */
function placeContent(source: SourceDefinition): { readonly [key: string]: Json } {
  const { path, eventTime, createdTime, visibility, timezone, tombstone, upstream } = source
  const place = { path, eventTime, createdTime, visibility, timezone, tombstone }
  return upstream ? { ...place, upstream: upstreamContent(upstream) } : place
}

/** Another version of it, or other values of this one, are other rows. */
function upstreamContent(upstream: UpstreamView): { readonly [key: string]: Json } {
  const { name, version } = upstream.view
  return { view: name, version, hash: definitionHash(upstream) }
}

/** What decides a value of a source's views, its columns apart. */
export function sourceContent(source: SourceDefinition): { readonly [key: string]: Json } {
  const { format, path, eventTime, createdTime, visibility, timezone, tombstone, eventId } = source
  return {
    format,
    path,
    eventTime,
    createdTime,
    visibility,
    timezone,
    tombstone,
    eventId: eventId && { ...eventId },
    ...(source.query ? { query: queryContent(source.query, placeContent) } : {}),
    ...(source.upstream ? { upstream: upstreamContent(source.upstream) } : {}),
  }
}

/**
 * The schema up to the last column that the view reads. Rows that tie on all of these carry the same values (R3), so a column
 * declared after them changes nothing, and a source may grow at its end without a new version of every view.
 */
export function decisiveColumns(view: FeatureViewDefinition, source: SourceDefinition): readonly Column[] {
  const read = new Set<string | null>([
    ...view.keyColumns.map((key) => key.column),
    ...view.features.flatMap((feature) => [feature.column, feature.kind === 'window' ? (feature.by ?? null) : null]),
    source.eventTime,
    source.createdTime,
    source.tombstone,
    source.eventId?.column ?? null,
  ])
  const last = source.schema.findLastIndex((column) => read.has(column.name))
  return source.schema.slice(0, last + 1)
}
