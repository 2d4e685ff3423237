/** What a check says of each key: nothing, a fault with its cause, or why the source gives another value by now. */
import type { ViewBundle } from '../define/definitions.js'
import {
  type Answer,
  answersOfNothing,
  differingFeatures,
  type PublishedAnswer,
  storedKeyText,
} from '../explain/index.js'
import { decodeValues, type OnlineItem, type PackedValue } from '../publish/index.js'
import { toJsonValue } from '../serve/index.js'
import { parseDuration } from '../time/duration.js'
import { type Instant, nsPerSecond } from '../time/instant.js'
import { type Interval, toIsoInterval } from '../time/interval.js'
import type { RowDifference } from './file-difference.js'
import type { Fault, FaultCause, LagCause } from './quality-check.js'
import type { Verified } from './verify-keys.js'

export interface LookedAtKey {
  readonly text: string
  readonly key: readonly PackedValue[]
  readonly encoded: Uint8Array
  /** Null: absent. */
  readonly item: OnlineItem | null
  /** The cache of what is online says otherwise than the item. */
  readonly isCachedOtherwise: boolean
}

export interface JudgeInput {
  readonly bundle: ViewBundle
  readonly keys: readonly LookedAtKey[]
  readonly verified: Verified
  /** What online shows; null: nothing yet, or an offline view: then items are no matter. */
  readonly online: {
    readonly isPublishUnfinished: boolean
    readonly lastSequence: bigint
    /** For items that DynamoDB has expired. */
    readonly realNow: Instant
  } | null
  /** False: a committed file cannot be read, nor computed again: nobody can say what items should be. */
  readonly isTruthKnown: boolean
  /** Long windows were computed from coarse tiles, too, or there are none. */
  readonly isCoarseKnown: boolean
  /** The cache of what is online could be read, or is not kept. */
  readonly isCacheKnown: boolean
  /** R35: features that are shown as of other rows, or of another end. @param eventAt of a lookup's row */
  readonly heldOf: (eventAt: Instant | null) => ReadonlySet<string>
  /** Starts of intervals whose committed rows were compared. */
  readonly compared: ReadonlySet<Instant>
  /** Of an interval, by its start, and of a key. */
  readonly fileAt: (
    start: Instant,
    key: string,
  ) => {
    readonly interval: Interval
    readonly file: string | null
    readonly commitId: string
  }
  readonly standingOf: (
    row: Verified['rows'][number],
  ) => { readonly cause: LagCause; readonly interval: Interval } | null
}

export interface KeyVerdict {
  readonly text: string
  readonly faults: readonly Fault[]
  readonly lags: readonly { readonly cause: LagCause; readonly interval: Interval | null }[]
  /** Of what it says whether the key is at fault; of committed files by interval. */
  readonly judged: ReadonlySet<FaultCause>
  readonly compared: ReadonlySet<Instant>
}

export function judgeKeys(input: JudgeInput): KeyVerdict[] {
  const { keys } = input
  const differences = new Map<string, RowDifference[]>()
  for (const difference of input.verified.differences) {
    // Not by its spelling: a file says 1.50 where an item, or whoever asks, says 1.5.
    const text = storedKeyText(input.bundle, difference.key)
    differences.set(text, [...(differences.get(text) ?? []), difference])
  }
  return keys.map((one) => judgeKey(input, one, differences.get(one.text) ?? []))
}

function judgeKey(input: JudgeInput, one: LookedAtKey, differences: readonly RowDifference[]): KeyVerdict {
  const { bundle, verified, online } = input
  const [truth, stored] = [verified.truth.get(one.text) ?? null, verified.stored.get(one.text) ?? null]
  const faults: Fault[] = fileFaults(input, one, differences)
  const isFileAtFault = faults.length > 0
  const coarse = verified.coarse.get(one.text) ?? null
  if (!isFileAtFault && !isSame(bundle, coarse, stored)) faults.push(fault(bundle, one, 'coarse-tile', truth, coarse))
  const judged = new Set<FaultCause>(!isFileAtFault && input.isCoarseKnown ? ['coarse-tile'] : [])
  if (online === null) judged.add('online-item').add('published-state')
  const lags: KeyVerdict['lags'][number][] = []
  if (online !== null && input.isTruthKnown) {
    const found = readItem(bundle, one.item)
    const isAhead = one.item !== null && one.item.sequence > online.lastSequence
    const isGone = isExpired(bundle, truth, one.item, online.realNow)
    const held = input.heldOf(truth?.eventAt ?? null)
    const shown = withHeld(input, one.text, truth, held)
    const isRight = !isAhead && (isGone || isSameItem(bundle, shown.answer, found, shown.unknown))
    // Published from a committed file, or a coarse tile, that is at fault: that is the fault.
    const isFromFault = isSameItem(bundle, stored, found, held) || isSameItem(bundle, coarse, found, held)
    if (!isRight && !(faults.length > 0 && isFromFault && !isAhead)) {
      if (online.isPublishUnfinished && !isAhead) lags.push({ cause: 'publish-open', interval: null })
      else faults.push(itemFault(bundle, one, shown.answer, found, isAhead))
    } else if (isRight && !isGone && one.isCachedOtherwise && !online.isPublishUnfinished)
      faults.push({ ...fault(bundle, one, 'published-state', null, null), features: [] })
    if (lags.length === 0) judged.add('online-item')
    if (isRight && input.isCacheKnown && !online.isPublishUnfinished) judged.add('published-state')
  }
  const now = verified.now.get(one.text) ?? null
  if (!isSame(bundle, now, truth)) lags.push(...whyBehind(input, one))
  return { text: one.text, faults, lags, judged, compared: input.compared }
}

function fileFaults(input: JudgeInput, one: LookedAtKey, differences: readonly RowDifference[]): Fault[] {
  const { bundle } = input
  const byInterval = new Map(differences.map((difference) => [difference.intervalStart, difference]))
  return [...byInterval.values()].map(({ intervalStart, columns, stored, recomputed }): Fault => {
    const { interval, file, commitId } = input.fileAt(intervalStart, one.text)
    return {
      ...fault(bundle, one, 'committed-file', null, null),
      ...{
        interval: toIsoInterval(interval),
        file,
        commitId,
        features: columns.map((name) => name.replace(/^__/, '')),
      },
      ...{ expected: columns.length > 0 ? plain(recomputed) : null, found: columns.length > 0 ? plain(stored) : null },
    }
  })
}

/** Values as they are stored; `unreadable`: they are no values. */
interface ReadItem {
  readonly values: Answer | null
  readonly eventAt: Instant | null
  readonly unreadable: boolean
}

function readItem({ view }: ViewBundle, item: OnlineItem | null): ReadItem {
  if (item === null || item.values === null) return { values: null, eventAt: null, unreadable: false }
  try {
    const values = decodeValues(view.features, item.values, item.schemaHash)
    const named = Object.fromEntries(view.features.map(({ name }, index) => [name, values[index]]))
    return { values: named, eventAt: item.eventAt, unreadable: false }
  } catch {
    // Whatever keeps it from being read, a publish did not write it: that is the answer.
    return { values: null, eventAt: item.eventAt, unreadable: true }
  }
}

/**
 * What the item should be: features that are held alone as the publish shows them (R35). Where nobody can say what that is, or another row is the
 * newest by the source, they are `unknown`.
 */
function withHeld(
  { bundle, verified }: JudgeInput,
  text: string,
  truth: PublishedAnswer | null,
  held: ReadonlySet<string>,
): { readonly answer: PublishedAnswer | null; readonly unknown: ReadonlySet<string> } {
  const nothingUnknown = new Set<string>()
  if (held.size === 0) return { answer: truth, unknown: nothingUnknown }
  const isLookup = bundle.view.viewKind === 'lookup'
  const shown = verified.held?.get(text) ?? null
  if (verified.held === null || (truth !== null && shown === null)) return { answer: truth, unknown: held }
  if (shown === null) return { answer: null, unknown: nothingUnknown }
  if (isLookup && shown.eventAt !== truth?.eventAt) return { answer: truth, unknown: held }
  const values = { ...(truth?.values ?? answersOfNothing(bundle)) }
  for (const name of held) values[name] = shown.values[name]
  return { answer: { values, eventAt: shown.eventAt }, unknown: nothingUnknown }
}

function isSameItem(
  bundle: ViewBundle,
  expected: PublishedAnswer | null,
  found: ReadItem,
  held: ReadonlySet<string>,
): boolean {
  if (found.unreadable) return false
  if (found.values === null) return expected === null
  const isLookup = bundle.view.viewKind === 'lookup'
  // R35: a key that has something left only in windows that are held at an older end.
  const ofHeld = isLookup || held.size === 0 ? null : { values: answersOfNothing(bundle), eventAt: null }
  const shown = expected ?? ofHeld
  return (
    shown !== null &&
    (!isLookup || shown.eventAt === found.eventAt) &&
    differingFeatures(bundle, shown.values, found.values).every((name) => held.has(name))
  )
}

function isSame(bundle: ViewBundle, a: PublishedAnswer | null, b: PublishedAnswer | null): boolean {
  if (a === null || b === null) return a === b
  return a.eventAt === b.eventAt && differingFeatures(bundle, a.values, b.values).length === 0
}

/** R36: DynamoDB may have removed a lookup's item whose value expired long ago. */
function isExpired(
  { view }: ViewBundle,
  truth: PublishedAnswer | null,
  item: OnlineItem | null,
  realNow: Instant,
): boolean {
  if (item !== null || truth?.eventAt == null || view.ttl === null) return false
  return truth.eventAt + parseDuration(view.ttl) + 30n * 86_400n * nsPerSecond < realNow
}

function itemFault(
  bundle: ViewBundle,
  one: LookedAtKey,
  truth: PublishedAnswer | null,
  found: ReadItem,
  isAhead: boolean,
): Fault {
  const made = fault(
    bundle,
    one,
    'online-item',
    truth,
    found.values === null ? null : { ...found, values: found.values },
  )
  if (isAhead) return { ...made, found: `sequence ${one.item!.sequence}, which no publish has drawn` }
  return found.unreadable ? { ...made, found: 'no values that can be read' } : made
}

function fault(
  bundle: ViewBundle,
  { key, encoded }: LookedAtKey,
  cause: Fault['cause'],
  expected: Pick<PublishedAnswer, 'values' | 'eventAt'> | null,
  found: Pick<PublishedAnswer, 'values' | 'eventAt'> | null,
): Fault {
  const { features } = bundle.view
  const names = expected && found ? differingFeatures(bundle, expected.values, found.values) : []
  const shown = (answer: typeof expected): string | null => {
    if (answer === null) return null
    const some = features.filter(({ name }) => names.length === 0 || names.includes(name))
    const json = some.map(({ name, type }) => [name, toJsonValue(type, (answer.values[name] ?? null) as PackedValue)])
    return JSON.stringify(Object.fromEntries(json))
  }
  return {
    ...{ cause, key: keyRecord(bundle, key), keyHex: hexOf(encoded), interval: null, file: null, features: names },
    ...{ expected: shown(expected), found: shown(found), isRepairable: true },
  }
}

function whyBehind(input: JudgeInput, one: LookedAtKey): KeyVerdict['lags'][number][] {
  const found = input.verified.rows.flatMap((row) => {
    const standing = row.key === one.text ? input.standingOf(row) : null
    return standing ? [standing] : []
  })
  const causes = [...new Map(found.map((lag) => [lag.cause, lag])).values()]
  // A file that is gone leaves no row that tells of it.
  return causes.length > 0 ? causes : [{ cause: 'file-changed', interval: null }]
}

export function keyRecord({ entity }: ViewBundle, key: readonly PackedValue[]): Record<string, string> {
  return Object.fromEntries(entity.keys.map((part, index) => [part.name, String(toJsonValue(part, key[index]!))]))
}

export function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

export function bytesOfHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
}

function plain(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === 'bigint' || typeof part === 'number') return String(part)
    return part instanceof Uint8Array ? hexOf(part) : part
  })
}
