/** Who delivers: writes files into the source's root ahead of time, as a producer outside of the product does, and remembers every row. */
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Lake } from '../../core/ports/lake.js'
import type { QueryEngine } from '../../core/ports/query-engine.js'
import { type EventRow, eventFile, eventsOf, eventsSql } from './events.js'

export interface Producer {
  /** Keeps files of the next minutes there until `stop`. */
  start(): Promise<void>
  stop(): Promise<void>
  /** What is found there and can be read, as it was written. */
  rows(): readonly EventRow[]
  /** Writes a file whole, over what is there; `select` instead of the columns as they are. */
  deliver(path: string, rows: readonly EventRow[], select?: string): Promise<void>
  /** Bytes as they are, of which no row counts. */
  deliverBytes(path: string, bytes: Uint8Array): Promise<void>
  bytes(path: string): Promise<Uint8Array>
  remove(path: string): Promise<void>
  /** Removed, and not delivered by itself until `release`. */
  withhold(paths: readonly string[]): Promise<void>
  release(paths: readonly string[]): Promise<void>
  /** From the interval that starts there on files are delivered with other columns (`deliver`), those that are there and those to come. */
  alter(fromMs: number, select: string): Promise<void>
  /** Delivers again, as it was meant, whatever `alter` has touched. */
  restore(): Promise<void>
}

const topUpMs = 20_000

export interface ProducerParts {
  readonly engine: QueryEngine
  readonly sources: Lake
  readonly scratch: string
  readonly sinceMs: number
  readonly everyMs: number
  /** Whether the source asks for a marker in each minute's folder. */
  readonly hasMarkers: boolean
}

export function createProducer({ engine, sources, scratch, sinceMs, everyMs, hasMarkers }: ProducerParts): Producer {
  const withheld = new Set<string>()
  const files = new Map<string, readonly EventRow[]>()
  const aheadMs = 60_000 + 3 * everyMs
  let upToMs = sinceMs
  let drafts = 0
  let timer: NodeJS.Timeout | undefined
  let altered: { readonly fromMs: number; readonly select: string } | null = null
  let topping: Promise<void> = Promise.resolve()

  async function put(path: string, bytes: Uint8Array): Promise<void> {
    const draft = `${path}.draft`
    await sources.remove(draft)
    await sources.writeIfAbsent(draft, bytes)
    await sources.replace(draft, path)
  }
  async function deliver(path: string, rows: readonly EventRow[], select = '*'): Promise<void> {
    await mkdir(scratch, { recursive: true })
    drafts += 1
    const local = join(scratch, `${drafts}.parquet`)
    const sql = `COPY (SELECT ${select} FROM (${eventsSql(rows)})) TO '${local.replaceAll("'", "''")}' (FORMAT parquet)`
    await engine.withSession((session) => session.execute({ sql }))
    await put(path, await readFile(local))
    await rm(local)
    files.set(path, rows)
  }
  async function remove(path: string): Promise<void> {
    await sources.remove(path)
    files.delete(path)
  }
  async function deliverInterval(startMs: number): Promise<void> {
    const file = eventFile(startMs)
    const select = altered !== null && startMs >= altered.fromMs ? altered.select : '*'
    if (!withheld.has(file)) await deliver(file, eventsOf(startMs, everyMs), select)
  }
  async function topUp(): Promise<void> {
    for (; upToMs < Date.now() + aheadMs; upToMs += everyMs) {
      await deliverInterval(upToMs)
      const marker = markerOf(upToMs)
      if (hasMarkers && !withheld.has(marker)) await put(marker, new Uint8Array())
    }
  }
  async function deliverAgain(fromMs: number): Promise<void> {
    for (let startMs = fromMs; startMs < upToMs; startMs += everyMs) await deliverInterval(startMs)
  }
  function inTurn(work: () => Promise<void>): Promise<void> {
    const done = topping.then(work)
    topping = done.catch(() => {})
    return done
  }
  return {
    async start() {
      await topUp()
      timer = setInterval(() => void inTurn(topUp).catch(() => {}), topUpMs)
    },
    async stop() {
      clearInterval(timer)
      await topping
    },
    rows: () => [...files.values()].flat(),
    deliver,
    async deliverBytes(path, bytes) {
      await put(path, bytes)
      files.delete(path)
    },
    bytes: (path) => sources.read(path),
    remove,
    async withhold(paths) {
      for (const path of paths) withheld.add(path)
      await topping
      for (const path of paths) await remove(path)
    },
    async release(paths) {
      for (const path of paths) withheld.delete(path)
    },
    async alter(fromMs, select) {
      altered = { fromMs, select }
      await inTurn(() => deliverAgain(fromMs))
    },
    async restore() {
      const fromMs = altered?.fromMs ?? upToMs
      altered = null
      await inTurn(() => deliverAgain(fromMs))
    },
  }
}

/** Of the minute in which it starts. */
export function markerOf(startMs: number): string {
  return eventFile(startMs, '_SUCCESS')
}
