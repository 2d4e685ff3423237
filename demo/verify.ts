/** Every online value, and a sample of the training set, against the recomputation. A difference is a sentence. */
import type { ViewBundle } from '../core/define/definitions.js'
import type { OnlineStore } from '../core/ports/online-store.js'
import type { QueryEngine } from '../core/ports/query-engine.js'
import { encodeKey } from '../core/publish/index.js'
import { assembleVector } from '../core/serve/index.js'
import { parseDuration } from '../core/time/duration.js'
import { formatInstant, type Instant } from '../core/time/instant.js'
import type { Value } from '../test/reference/point-in-time.js'
import { answerTime, keyText, type Truth } from './recompute.js'

export interface Verified {
  readonly keys: number
  readonly values: number
  readonly differences: readonly string[]
}

const partKeys = 500

/** Keys from the raw rows and from the online table: a value that should not be there is a difference, too. */
export async function verifyOnline(
  online: OnlineStore,
  bundle: ViewBundle,
  table: string,
  truth: Truth,
  now: Instant,
): Promise<Verified> {
  const { view, entity } = bundle
  const end = await online.getEnd(table)
  const differences: string[] = []
  if (end?.endAt !== now)
    differences.push(
      `${view.name}: published end is ${end ? formatInstant(end.endAt) : 'absent'}, not ${formatInstant(now)}`,
    )
  const keys = [...truth.keys.values()]
  let values = 0
  for (let start = 0; start < keys.length; start += partKeys) {
    const part = keys.slice(start, start + partKeys)
    const items = await online.getItems(
      table,
      part.map((key) => encodeKey(entity.keys, key)),
    )
    part.forEach((key, index) => {
      const read = assembleVector({ bundle, item: items[index]!, end, now })
      // R29: online after E is R1 at the last instant before E for a lookup, R9 at E for windows.
      const expected = expectedOnline(bundle, truth, key, now)
      if (expected.status !== read.status)
        differences.push(`${view.name} ${keyText(key)}: status is ${read.status}, recomputed ${expected.status}`)
      for (const feature of view.features) {
        values += 1
        differences.push(
          ...compare(
            `${view.name}.${feature.name} ${keyText(key)} online`,
            read.values[feature.name] as Value,
            expected.values[feature.name] ?? null,
          ),
        )
      }
    })
  }
  const known = new Set(keys.map((key) => hex(encodeKey(entity.keys, key))))
  for await (const items of online.scan(table))
    for (const item of items)
      if (item.values !== null && !known.has(hex(item.key)))
        differences.push(`${view.name}: online has a key that no row has, ${hex(item.key)}`)
  return { keys: keys.length, values, differences }
}

function expectedOnline(
  { view }: ViewBundle,
  truth: Truth,
  key: readonly Value[],
  end: Instant,
): { readonly status: string; readonly values: Readonly<Record<string, Value>> } {
  if (view.viewKind === 'window') {
    const { isPresent, values } = truth.featuresAt(key, end)!
    return { status: isPresent ? 'present' : 'missing', values }
  }
  const found = truth.featuresAt(key, end - 1n)
  const isExpired = found?.eventAt != null && view.ttl !== null && end - found.eventAt > parseDuration(view.ttl)
  // The key is from a row, so that a lookup that finds none has outlived its ttl.
  return found && !isExpired ? { status: 'present', values: found.values } : { status: 'expired', values: {} }
}

/** @param file the training set; `sampled` of its rows, evenly spread, are recomputed */
export async function verifyTrainingSet(
  engine: QueryEngine,
  file: string,
  eventTime: string,
  views: readonly { readonly bundle: ViewBundle; readonly truth: Truth }[],
  sampled: number,
): Promise<Verified & { readonly rows: number }> {
  const rows = await engine.withSession((session) =>
    session.all({ sql: `SELECT * FROM read_parquet('${file.replaceAll("'", "''")}')` }),
  )
  const step = Math.max(1, Math.floor(rows.length / sampled))
  const differences: string[] = []
  let values = 0
  const sample = rows.filter((_, index) => index % step === 0)
  for (const row of sample)
    for (const { bundle, truth } of views) {
      const key = bundle.view.keyColumns.map(({ column }) => row[column] as Value)
      const t = answerTime(bundle, row[eventTime] as bigint)
      const expected = truth.featuresAt(key, t)
      for (const feature of bundle.view.features) {
        values += 1
        const place = `${bundle.view.name}.${feature.name} ${keyText(key)} at ${formatInstant(row[eventTime] as bigint)}`
        differences.push(
          ...compare(
            place,
            row[`${bundle.view.name}__${feature.name}`] as Value,
            expected?.values[feature.name] ?? null,
          ),
        )
      }
    }
  return { keys: sample.length, rows: rows.length, values, differences }
}

/** Exact sums arrive as decimal text: the same number is the same value. */
function compare(place: string, found: Value | undefined, expected: Value): string[] {
  const isSame =
    Object.is(found, expected) ||
    (typeof expected === 'bigint' &&
      (typeof found === 'string' || typeof found === 'number') &&
      String(found) === String(expected))
  return isSame ? [] : [`${place}: is ${String(found)}, recomputed ${String(expected)}`]
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
