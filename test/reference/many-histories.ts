/**
 * Many histories in one question: each has keys that no other has, so that files, commits and spine are shared and hundreds of them are
 * answered in the time of one. Each is checked against its own rows alone: what leaks from one to another is seen, too.
 */
import fc from 'fast-check'
import { files, type HistoryFile, hour, keys } from './generated-history.js'
import type { Row, Value } from './point-in-time.js'

export interface AskedRow {
  readonly t: bigint
  /** The keys under which the two mappings of a view look. */
  readonly from: readonly Value[]
  readonly to: readonly Value[]
}

export interface History {
  readonly files: readonly HistoryFile[]
  readonly asked: readonly AskedRow[]
}

const askedKeys = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<readonly Value[]>([1n, 'a'], [1n, 'A'], [9_007_199_254_740_993n, 'a']) },
  { weight: 2, arbitrary: keys },
  { weight: 1, arbitrary: fc.constantFrom<readonly Value[]>([null, 'a'], [1n, null]) },
)
const askedTimes = fc
  .tuple(fc.integer({ min: -6, max: 9 }), fc.constantFrom(0n, 1n, -1n, 1_000n, hour / 2n))
  .map(([hours, offset]) => BigInt(hours) * hour + offset)

/** Some without a row, some without a question. */
const history: fc.Arbitrary<History> = fc.record({
  files,
  asked: fc.array(fc.record({ t: askedTimes, from: askedKeys, to: askedKeys }), { maxLength: 12 }),
})

export const histories: fc.Arbitrary<readonly History[]> = fc
  .array(history, { minLength: 50, maxLength: 70 })
  .map((many) => many.map(apart))

/** The keys of a history are eight apart from those of the one before: one has the next one's key where a digit of it is lost. */
function apart({ files: own, asked }: History, at: number): History {
  const offset = 8n * BigInt(at)
  const moved = ([shop, code]: readonly Value[]): readonly Value[] => [
    shop === null || shop === undefined ? null : (shop as bigint) + ((shop as bigint) < 0n ? -offset : offset),
    code!,
  ]
  const rowOf = (row: Row): Row => {
    const key = moved(row.key)
    return { ...row, key, columns: { ...row.columns, shop: key[0]! } }
  }
  return {
    files: own.map((file) => ({ ...file, rows: file.rows.map(rowOf) })),
    asked: asked.map(({ t, from, to }) => ({ t, from: moved(from), to: moved(to) })),
  }
}

/** The files of all, those of one unit put together, rows and files in an order that `salt` draws. */
export function togetherInFiles(many: readonly History[], salt: number): HistoryFile[] {
  const byKind = new Map<string, HistoryFile[]>()
  for (const file of many.flatMap((one) => one.files)) {
    const kind = `${file.unit} ${file.isUtc} ${file.isNarrow}`
    byKind.set(kind, [...(byKind.get(kind) ?? []), file])
  }
  const whole = [...byKind.values()].map((alike) => ({ ...alike[0]!, rows: alike.flatMap((file) => file.rows) }))
  return shuffled(whole, salt).map((file) => ({ ...file, rows: shuffled(file.rows, salt) }))
}

/** Reproducible: by a linear congruence of the place. */
export function shuffled<T>(items: readonly T[], salt: number): T[] {
  let state = BigInt(salt) + 1n
  const drawn = items.map((item) => {
    state = (state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n) % 2n ** 64n
    return { item, rank: state }
  })
  return drawn.toSorted((a, b) => (a.rank < b.rank ? -1 : 1)).map(({ item }) => item)
}
