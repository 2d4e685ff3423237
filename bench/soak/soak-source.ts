/** Who delivers: a file per source and interval, ahead of its time or, where the plan says so, late; what is in it follows from the seed. */
import { join } from 'node:path'
import type { QueryEngine } from '../../core/ports/query-engine.js'
import { pick, seededRandom } from '../../test/support/random-source.js'
import { deliver } from '../../test/support/world.js'
import { deliveredAhead } from './soak-plan.js'
import { past, pastSinceMs, pastSource, type SoakShape, sourceNames } from './soak-views.js'

export const shops = 12
const items = ['apples', 'bread', 'candles', 'dates', "eggs 'n ham"]

export interface SoakSource {
  /** Delivers what is due, again and again, until `stop`. */
  start(): Promise<void>
  stop(): Promise<void>
  /** The source's next file comes so many intervals late. */
  delay(source: number, intervals: number): void
  deliverPast(): Promise<void>
}

export interface SoakSourceParts {
  readonly engine: QueryEngine
  /** The root of the sources. */
  readonly root: string
  readonly seed: number
  readonly shape: SoakShape
}

export function createSoakSource({ engine, root, seed, shape }: SoakSourceParts): SoakSource {
  const { sinceMs, everyMs } = shape
  const names = sourceNames(shape.sources)
  const next = names.map(() => sinceMs)
  const delayed: { source: number; startMs: number; dueMs: number }[] = []
  let timer: NodeJS.Timeout | undefined
  let delivering: Promise<void> = Promise.resolve()
  let failure: unknown = null
  const write = (name: string, startMs: number) =>
    deliver(engine, join(root, fileOf(name, startMs)), rowsSql(seed, name, startMs, shape))
  async function topUp(): Promise<void> {
    for (const [source, name] of names.entries())
      for (; next[source]! < Date.now() + deliveredAhead * everyMs; next[source]! += everyMs)
        await write(name, next[source]!)
    while (delayed.some(({ dueMs }) => dueMs <= Date.now())) {
      const at = delayed.findIndex(({ dueMs }) => dueMs <= Date.now())
      const [{ source, startMs }] = delayed.splice(at, 1) as [(typeof delayed)[0]]
      await write(names[source]!, startMs)
    }
  }
  const again = () => {
    delivering = delivering.then(topUp).catch((error: unknown) => {
      failure ??= error
    })
  }
  return {
    async start() {
      await topUp()
      timer = setInterval(again, Math.min(2_000, everyMs / 4))
    },
    async stop() {
      clearInterval(timer)
      for (const one of delayed) one.dueMs = 0
      again()
      await delivering
      if (failure !== null) throw failure
    },
    delay(source, intervals) {
      const startMs = next[source]!
      next[source] = startMs + everyMs
      delayed.push({ source, startMs, dueMs: startMs + (1 + intervals) * everyMs })
    },
    async deliverPast() {
      for (let at = 0; at < past.delivered; at++) await write(pastSource, pastSinceMs(shape) + at * everyMs)
    },
  }
}

/** Every file that was delivered, for SQL. */
export const filesOf = (root: string, name: string): string => join(root, name, '*', '*', '*', '*.parquet')

/** Below the sources' root, in the partition of its minute. */
function fileOf(name: string, startMs: number): string {
  const at = new Date(startMs).toISOString()
  return `${name}/date=${at.slice(0, 10)}/hour=${at.slice(11, 13)}/minute=${at.slice(14, 16)}/${startMs}.parquet`
}

/** Some shops sell nothing, some twice; no two rows of a shop at one time. The first row is at the interval's start, which is in it. */
function rowsSql(seed: number, name: string, startMs: number, { sinceMs, everyMs }: SoakShape): string {
  const interval = (startMs - sinceMs) / everyMs
  const random = seededRandom(
    [...name].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), seed + 7_919 * interval),
  )
  const rows: string[] = []
  for (let shop = 1; shop <= shops; shop++)
    for (let sale = Math.floor(random() * 3); sale > 0; sale--) {
      const atMs = startMs + Math.floor(((rows.length % 40) / 41) * everyMs)
      const amount = random() < 0.1 ? 'NULL' : String(Math.floor(random() * 1_000) - 100)
      const item = pick(random, items).replaceAll("'", "''")
      rows.push(`(${atMs}, ${shop}, ${amount}, ${Math.floor(random() * 800) / 8}, '${item}')`)
    }
  if (rows.length === 0) rows.push(`(${startMs}, 1, 1, 1.5, 'bread')`)
  return `SELECT epoch_ms(at_ms::BIGINT)::TIMESTAMP AS at, shop_id::BIGINT AS shop_id, amount::BIGINT AS amount, price::DOUBLE AS price, item::VARCHAR AS item
    FROM (VALUES ${rows.join(', ')}) AS sales(at_ms, shop_id, amount, price, item)`
}
