/** The port QueryEngine on DuckDB: one instance, one heavy slot, a connection (and with it a temporary schema) per session. */
import { type DuckDBConnection, type DuckDBResult, version } from '@duckdb/node-api'
import { isMillcourseError, MillcourseError } from '../../core/errors.js'
import type { CancelSignal } from '../../core/ports/cancel-signal.js'
import type {
  EngineDescription,
  EngineRow,
  KeptQuery,
  Query,
  QueryEngine,
  QuerySession,
  SessionOptions,
} from '../../core/ports/query-engine.js'
import { type DuckdbClient, type DuckdbOptions, openDuckdb } from './client.js'
import { toMillcourseError } from './errors.js'
import { fileNamesIn, isInS3, readsS3, withPlainS3Names } from './file-names.js'
import { runGuestQuery } from './guest-query.js'
import { HeavySlot } from './heavy-slot.js'
import { interruptible, throwIfAborted } from './interruptible.js'
import { KeptFiles } from './kept-files.js'
import { MemoryWatch } from './memory-watch.js'
import { tellingProgress } from './progress.js'
import { redirectOutput, type S3Output } from './s3-output.js'
import { bindable, readerOf, readRows } from './values.js'

/** @throws MillcourseError CONFIG_INVALID when the instance cannot be opened with these options */
export async function createDuckdbEngine(options: DuckdbOptions): Promise<QueryEngine> {
  try {
    return new DuckdbQueryEngine(await openDuckdb(options))
  } catch (error) {
    throw new MillcourseError('CONFIG_INVALID', `DuckDB cannot start: ${(error as Error).message}`, {
      cause: error,
      hint: 'check memory limit, threads and the spill folder',
      facts: { spillDir: options.spillDir, memoryLimitMb: options.memoryLimitMb, threads: options.threads },
    })
  }
}

class DuckdbQueryEngine implements QueryEngine {
  readonly #client: DuckdbClient
  readonly #slot = new HeavySlot()
  readonly #memory: MemoryWatch
  #closing: Promise<void> | null = null
  readonly #open = new Set<Promise<unknown>>()

  constructor(client: DuckdbClient) {
    this.#client = client
    this.#memory = new MemoryWatch(client.instance)
  }

  async withSession<T>(work: (session: QuerySession) => Promise<T>, options: SessionOptions = {}): Promise<T> {
    if (this.#closing) throw new MillcourseError('INTERNAL', 'the query engine is closed')
    const run = options.isLight ? this.#runLight(work, options) : this.#run(work, options)
    this.#open.add(run)
    try {
      return await run
    } finally {
      this.#open.delete(run)
    }
  }

  /** Memory that a heavy query fills is nobody else's fault: what is light waits for its turn then, and runs again by itself. */
  async #runLight<T>(work: (session: QuerySession) => Promise<T>, options: SessionOptions): Promise<T> {
    try {
      return await this.#run(work, options)
    } catch (error) {
      if (!isMillcourseError(error) || error.code !== 'COMPUTE_OUT_OF_MEMORY') throw error
      return await this.#run(work, { ...options, isLight: false })
    }
  }

  async #run<T>(work: (session: QuerySession) => Promise<T>, options: SessionOptions): Promise<T> {
    const release = options.isLight ? () => {} : await this.#slot.take(this.#client.options.rank?.(), options.signal)
    try {
      const connection = await this.#client.instance.connect()
      const kept = new KeptFiles(this.#client.spillFolder)
      const session = new DuckdbSession(this.#client, connection, this.#memory, kept, options.signal)
      try {
        return await work(session)
      } finally {
        await session.tellRequests()
        connection.closeSync()
        await kept.remove()
      }
    } finally {
      release()
    }
  }

  async describe(needsS3: boolean): Promise<EngineDescription> {
    const { httpfs } = this.#client
    return { version: version().replace(/^v/, ''), s3Reader: needsS3 ? await httpfs.load() : await httpfs.look() }
  }

  /** Waits for open sessions: cancel them by their signal first. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      await Promise.allSettled([...this.#open])
      await this.#memory.close()
      await this.#client.close()
    })()
    return this.#closing
  }
}

class DuckdbSession implements QuerySession {
  readonly #client: DuckdbClient
  readonly #connection: DuckDBConnection
  readonly #memory: MemoryWatch
  readonly #kept: KeptFiles
  readonly #signal: CancelSignal | undefined
  /** What the session's statements have read, also through views made earlier: among these is the file at fault. */
  readonly #files = new Set<string>()
  #readsS3 = false
  /** Its name in the log of requests; null: it has sent none, or nobody counts. */
  #logged: string | null = null

  constructor(
    client: DuckdbClient,
    connection: DuckDBConnection,
    memory: MemoryWatch,
    kept: KeptFiles,
    signal: CancelSignal | undefined,
  ) {
    this.#client = client
    this.#connection = connection
    this.#memory = memory
    this.#kept = kept
    this.#signal = signal
  }

  async execute(query: Query, onProgress?: (done: number) => void): Promise<void> {
    await this.#toS3(query, async (local) => {
      await this.#guard(local, () =>
        tellingProgress(this.#connection, onProgress, async () => {
          const result = await this.#start(local)
          while ((await result.fetchChunk())?.rowCount) {}
        }),
      )
    })
  }

  async all(query: Query): Promise<EngineRow[]> {
    const rows: EngineRow[] = []
    await this.#toS3(query, async (local) => {
      for await (const part of this.stream(local)) rows.push(...part)
    })
    return rows
  }

  async *stream(query: Query): AsyncIterable<EngineRow[]> {
    const { result, names, reads } = await this.#guard(query, async () => {
      const result = await this.#start(query)
      const names = result.columnNames()
      if (new Set(names).size !== names.length)
        throw new MillcourseError('COMPUTE_FAILED', `a query names two columns alike: ${names.join(', ')}`)
      return { result, names, reads: names.map((name, index) => readerOf(name, result.columnType(index))) }
    })
    for (;;) {
      const chunk = await this.#guard(query, () => result.fetchChunk())
      if (!chunk || chunk.rowCount === 0) return
      yield readRows(chunk, names, reads)
    }
  }

  async keepFile(name: string, parts: AsyncIterable<Uint8Array>): Promise<string> {
    throwIfAborted(this.#signal)
    return await this.#kept.write(name, parts, () => throwIfAborted(this.#signal))
  }

  async keepQuery(sql: string, to: string | null, onProgress?: (done: number) => void): Promise<KeptQuery> {
    throwIfAborted(this.#signal)
    const file = to === null || isInS3(to) ? await this.#kept.place('query.parquet') : to
    const startedMs = performance.now()
    const { isOrdered } = await runGuestQuery(this.#client, { sql, file, onProgress, signal: this.#signal }).finally(
      () => this.#tellSeconds(startedMs),
    )
    if (to !== null && isInS3(to)) await this.#upload({ file, uri: to })
    return { file: to ?? file, isOrdered }
  }

  /** Counting must not harm what is counted. */
  async tellRequests(): Promise<void> {
    if (this.#logged === null) return
    const spent = await this.#client.httpLog.end(this.#logged, this.#files).catch(() => null)
    if (spent !== null) this.#client.options.spending?.add(spent)
  }

  async peakMemoryBytes(): Promise<number> {
    return this.#memory.peakBytes()
  }

  async #readyForS3(): Promise<void> {
    const { httpfs, httpLog, options } = this.#client
    await httpfs.makeReady()
    if (options.spending && this.#logged === null)
      this.#logged = await httpLog.begin(this.#connection).catch(() => null)
  }

  async #start(query: Query): Promise<DuckDBResult> {
    // Also for the statements after it: they may read through a view.
    this.#readsS3 ||= readsS3(query)
    if (this.#readsS3) await this.#readyForS3()
    const sql = withPlainS3Names(query.sql)
    if (!query.parameters) return this.#connection.stream(sql)
    const bound = query.parameters.map(bindable)
    return this.#connection.stream(
      sql,
      bound.map((parameter) => parameter.value),
      bound.map((parameter) => parameter.type),
    )
  }

  /** What the statement writes to S3 gets there when it is whole. */
  async #toS3(query: Query, work: (local: Query) => Promise<void>): Promise<void> {
    const output = redirectOutput(query.sql, this.#client.spillFolder)
    if (output === null) return await work(query)
    try {
      await work({ ...query, sql: output.sql })
      await this.#upload(output)
    } finally {
      await output.remove()
    }
  }

  async #upload({ file, uri }: Pick<S3Output, 'file' | 'uri'>): Promise<void> {
    const aborting = new AbortController()
    const abort = () => aborting.abort((this.#signal as { readonly reason?: unknown }).reason)
    throwIfAborted(this.#signal)
    this.#signal?.addEventListener('abort', abort)
    try {
      await this.#client.httpfs.access().upload(file, uri, aborting.signal)
    } finally {
      this.#signal?.removeEventListener('abort', abort)
    }
  }

  /** Cancellation by signal, the memory's peak and our errors around whatever makes DuckDB work. */
  async #guard<T>(query: Query, work: () => Promise<T>): Promise<T> {
    for (const file of fileNamesIn(query)) this.#files.add(file)
    const unwatch = this.#memory.watch()
    const startedMs = performance.now()
    try {
      return await interruptible(this.#connection, this.#signal, work)
    } catch (error) {
      throwIfAborted(this.#signal)
      const known = await toMillcourseError(error, [...this.#files], (uri, depth) => this.#probe(uri, depth))
      // Cancelled while the file at fault was looked for.
      throwIfAborted(this.#signal)
      throw known
    } finally {
      unwatch()
      this.#tellSeconds(startedMs)
    }
  }

  #tellSeconds(startedMs: number): void {
    this.#client.options.spending?.add({ engineSeconds: (performance.now() - startedMs) / 1_000 })
  }

  async #probe(uri: string, depth: 'footer' | 'pages'): Promise<void> {
    // A hash of every column: a count alone is answered from the footer.
    const what =
      depth === 'footer'
        ? 'count(*) FROM parquet_metadata($1)'
        : 'max(hash(COLUMNS(*))) FROM read_parquet($1, hive_partitioning = false)'
    await this.#connection.run(`SELECT ${what}`, [uri])
  }
}
