/**
 * What became of each source row in an answer at `t`, by the rules alone and without the engine: the reasons a person is told, and a
 * second opinion on what the engine chose.
 *
 *     lookup (R1)   ── older ── older ── ANSWER ──t── after          window (R7, R9)   ─ [ counted ─ counted ) T ─ edge ─ t ─ after
 */
import type { ViewBundle } from '../define/definitions.js'
import { parseDuration } from '../time/duration.js'
import { floorTo, type Instant, parseInstant } from '../time/instant.js'
import type { SourceRow } from './source-row.js'

export type RowRole =
  /** Lookup: the newest row seen; window: in at least one of them. */
  | 'counted'
  /** R3: a newer row of the key is seen. */
  | 'older'
  /** R1: it happens after `t`. */
  | 'after'
  /** R7, R9: at or after the edge `T` that a tiled window ends at, and not after `t`. */
  | 'window-edge'
  /** R7: before every window. */
  | 'before-window'
  /** R2: the newest row seen, and too old. */
  | 'expired'
  /** R16: not written down by then; under `created` visibility only. */
  | 'not-known'
  /** R19: a later delivery of its event counts instead. */
  | 'redelivered'
  /** R18: it hides the key's value; in a window it is no event. */
  | 'tombstone'
  /** Of an interval without an accepted version, or of a file that this was not made from. */
  | 'not-committed'
  /** Before the view's `since`. */
  | 'before-since'

export interface RowVerdict {
  readonly row: SourceRow
  readonly role: RowRole
  /** Window lengths that count it. */
  readonly windows: readonly string[]
}

export interface RolesInput {
  readonly bundle: ViewBundle
  /** Of one key. */
  readonly rows: readonly SourceRow[]
  readonly at: Instant
  /** Whether the accepted version of its interval was made from it. */
  readonly isCommitted: (row: SourceRow) => boolean
  /** Whether it was looked at as a redelivery; absent: what is committed. */
  readonly mayReplace?: (row: SourceRow) => boolean
}

/** The edge at which a view answers for `t`: a window view's last tile edge (R9). */
export function answeredAt({ view }: ViewBundle, at: Instant): Instant {
  return view.tile === null ? at : floorTo(at, parseDuration(view.tile))
}

export function rowRoles(input: RolesInput): RowVerdict[] {
  return input.bundle.view.viewKind === 'lookup' ? lookupRoles(input) : windowRoles(input)
}

function lookupRoles(input: RolesInput): RowVerdict[] {
  const { bundle, rows, at } = input
  const roles = rows.map(
    (row): RowVerdict => ({
      row,
      windows: [],
      role: hiddenRole(input, row, at, null) ?? (row.eventAt > at ? 'after' : 'older'),
    }),
  )
  const newest = newestOf(roles.filter(({ role }) => role === 'older'))
  const ttl = bundle.view.ttl === null ? null : parseDuration(bundle.view.ttl)
  return roles.map((one) => {
    if (one !== newest) return one
    if (one.row.isDeleted) return { ...one, role: 'tombstone' }
    return { ...one, role: ttl !== null && at - one.row.eventAt > ttl ? 'expired' : 'counted' }
  })
}

function newestOf(verdicts: readonly RowVerdict[]): RowVerdict | null {
  return verdicts.reduce<RowVerdict | null>(
    (best, one) => (best === null || one.row.rank > best.row.rank ? one : best),
    null,
  )
}

function windowRoles(input: RolesInput): RowVerdict[] {
  const { bundle, rows, at } = input
  const edge = answeredAt(bundle, at)
  const within = bundle.source.eventId?.within ?? null
  const lengths = [...new Set(bundle.view.features.flatMap((one) => (one.kind === 'window' ? [one.over] : [])))]
  return rows.map((row): RowVerdict => {
    const verdict = (role: RowRole, windows: readonly string[] = []): RowVerdict => ({ row, role, windows })
    const hidden = hiddenRole(input, row, edge, within === null ? null : parseDuration(within))
    if (hidden !== null) return verdict(hidden)
    if (row.isDeleted) return verdict('tombstone')
    if (row.eventAt > at) return verdict('after')
    if (row.eventAt >= edge) return verdict('window-edge')
    const windows = lengths.filter((over) => over === 'lifetime' || row.eventAt >= edge - parseDuration(over))
    return windows.length > 0 ? verdict('counted', windows) : verdict('before-window')
  })
}

/** Why a row is of no account whatever its place in time; null: it is of account. */
function hiddenRole(input: RolesInput, row: SourceRow, knownAt: Instant, withinNs: bigint | null): RowRole | null {
  const { bundle, rows, isCommitted, mayReplace = isCommitted } = input
  const since = parseInstant(bundle.view.since)
  if (row.eventAt < since) return 'before-since'
  if (!isCommitted(row)) return 'not-committed'
  const isCreated = bundle.source.visibility === 'created'
  const isKnown = (one: SourceRow): boolean => !isCreated || (one.createdAt !== null && one.createdAt <= knownAt)
  if (!isKnown(row)) return 'not-known'
  // A null id is no id.
  if (row.eventId === null) return null
  const isReplaced = rows.some(
    (other) =>
      other.eventId === row.eventId &&
      other.delivery > row.delivery &&
      other.eventAt >= since &&
      mayReplace(other) &&
      isKnown(other) &&
      (withinNs === null || distance(other.eventAt, row.eventAt) <= withinNs),
  )
  return isReplaced ? 'redelivered' : null
}

function distance(a: Instant, b: Instant): bigint {
  return a > b ? a - b : b - a
}
