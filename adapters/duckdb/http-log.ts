/**
 * The requests that DuckDB itself sends to S3, which no client of ours sees: its log of them, kept in memory while sessions that read S3 are
 * open. A session takes its own when it ends: those of its connection, and of what was sent while a statement was prepared, which the log
 * has under no connection's number, those of files that it has read.
 */
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'

/** More than this is thrown away though other sessions are open: what they send just then is not counted. */
const recordsMax = 5_000

/** A record is text; these of its fields say what it costs. Server errors are not billed, nor what was not answered. Headers are named as the server wrote them. */
const counted = `SELECT connection_id, url,
    count(*) FILTER (kind IN ('GET', 'HEAD'))::DOUBLE, count(*) FILTER (kind IN ('PUT', 'POST'))::DOUBLE,
    coalesce(sum(bytes) FILTER (kind = 'GET'), 0)::DOUBLE, count(*)::DOUBLE
  FROM (SELECT connection_id::VARCHAR AS connection_id,
      regexp_extract(message, '''url'': ''([^'']*)', 1) AS url,
      regexp_extract(message, '''type'': ''?(\\w+)', 1) AS kind,
      regexp_extract(message, '''response'': \\{''status'': ''?(\\w+)', 1) AS status,
      try_cast(regexp_extract(message, '(?i)content-length''?[=:] ?''?(\\d+)', 1) AS UBIGINT) AS bytes
    FROM duckdb_logs WHERE type = 'HTTP')
  WHERE status <> '' AND NOT regexp_matches(status, '_5\\d\\d$')
  GROUP BY ALL`

type Row = [connection: string, url: string, reads: number, writes: number, bytes: number, records: number]

export interface EngineRequests {
  readonly s3Reads: number
  readonly s3Writes: number
  readonly s3BytesRead: number
}

interface Sent extends EngineRequests {
  readonly connection: string
  readonly url: string
}

const none: EngineRequests = { s3Reads: 0, s3Writes: 0, s3BytesRead: 0 }

export class HttpLog {
  readonly #instance: DuckDBInstance
  readonly #open = new Set<string>()
  /** By connection and URL: what the log holds that was taken already, and what it held before it was thrown away that was not. */
  #taken = new Map<string, EngineRequests>()
  #before = new Map<string, Sent>()
  #own: Promise<DuckDBConnection> | null = null
  #turn: Promise<unknown> = Promise.resolve()

  constructor(instance: DuckDBInstance) {
    this.#instance = instance
  }

  /** From now on the connection's requests are counted; its number in the log. */
  async begin(connection: DuckDBConnection): Promise<string> {
    await this.#connection()
    const [[id]] = (await (await connection.run('SELECT current_connection_id()::VARCHAR')).getRows()) as [[string]]
    this.#open.add(id)
    return id
  }

  /**
   * What the connection has sent. One after another: each may throw the log away.
   * @param files `s3://…`, what its statements named
   */
  end(id: string, files: ReadonlySet<string>): Promise<EngineRequests> {
    const taken = this.#turn.then(() => this.#take(id, files))
    this.#turn = taken.catch(() => {})
    return taken
  }

  async close(): Promise<void> {
    const own = await this.#own?.catch(() => null)
    own?.closeSync()
  }

  async #take(id: string, files: ReadonlySet<string>): Promise<EngineRequests> {
    const known = new Set(this.#open)
    this.#open.delete(id)
    const own = await this.#connection()
    const rows = (await (await own.run(counted)).getRows()) as Row[]
    const isAlone = this.#open.size === 0
    const isMine = ({ connection, url }: Sent) =>
      connection === id || (!known.has(connection) && (isAlone || isAmong(files, url)))
    let mine = none
    const left = new Map<string, Sent>()
    for (const [name, sent] of this.#untaken(rows))
      if (isMine(sent)) mine = plus(mine, sent)
      else left.set(name, sent)
    if (isAlone || rows.reduce((sum, [, , , , , records]) => sum + records, 0) >= recordsMax) {
      await own.run('CALL truncate_duckdb_logs()')
      this.#taken = new Map()
      this.#before = left
    } else {
      for (const [connection, url, s3Reads, s3Writes, s3BytesRead] of rows) {
        const name = nameOf(connection, url)
        if (!left.has(name)) this.#taken.set(name, { s3Reads, s3Writes, s3BytesRead })
      }
      this.#before = new Map([...this.#before].filter(([name]) => left.has(name)))
    }
    return mine
  }

  #untaken(rows: readonly Row[]): Map<string, Sent> {
    const untaken = new Map(this.#before)
    for (const [connection, url, s3Reads, s3Writes, s3BytesRead] of rows) {
      const name = nameOf(connection, url)
      const logged = { s3Reads, s3Writes, s3BytesRead }
      const sum = plus(plus(untaken.get(name) ?? none, logged), this.#taken.get(name) ?? none, -1)
      untaken.set(name, { connection, url, ...sum })
    }
    return untaken
  }

  #connection(): Promise<DuckDBConnection> {
    this.#own ??= (async () => {
      const connection = await this.#instance.connect()
      await connection.run("CALL enable_logging('HTTP', storage = 'memory')")
      return connection
    })()
    return this.#own
  }
}

const nameOf = (connection: string, url: string): string => `${connection} ${url}`

function plus(one: EngineRequests, other: EngineRequests, sign: 1 | -1 = 1): EngineRequests {
  return {
    s3Reads: one.s3Reads + sign * other.s3Reads,
    s3Writes: one.s3Writes + sign * other.s3Writes,
    s3BytesRead: one.s3BytesRead + sign * other.s3BytesRead,
  }
}

/** The bucket is the path's first name, or the host's. */
function isAmong(files: ReadonlySet<string>, given: string): boolean {
  try {
    const { hostname, pathname } = new URL(given)
    const path = decodeURIComponent(pathname)
    return files.has(`s3:/${path}`) || files.has(`s3://${hostname.split('.')[0]}${path}`)
  } catch {
    return false
  }
}
