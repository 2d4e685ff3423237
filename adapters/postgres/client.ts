/** The connection to one project's schema: pool, transactions with their retries, migrations, and how values travel. */
import { createHash } from 'node:crypto'
import { Kysely, PostgresDialect, type Transaction } from 'kysely'
import pRetry from 'p-retry'
import pg from 'pg'
import { isMillcourseError, MillcourseError } from '../../core/errors.js'
import type { SchemaState } from '../../core/ports/schema-state.js'
import { parseInstant } from '../../core/time/instant.js'
import { isPassingConflict, type ServerName, toMillcourseError } from './errors.js'
import { migrateSchema, readSchemaState } from './migrate.js'
import type { Tables } from './schema.js'
import { withTlsAsLibpq } from './tls-parameters.js'

export type Database = Kysely<Tables>
export type OpenTransaction = Transaction<Tables>

export interface PostgresClient {
  readonly project: string
  /** Single statements. Errors are ours (errors.ts); a deadlock or serialization failure is tried again. */
  query<T>(work: (db: Database) => Promise<T>): Promise<T>
  /** All or nothing, read committed: rows that decide are locked by who reads them. The work may run more than once. */
  transact<T>(work: (trx: OpenTransaction) => Promise<T>): Promise<T>
  /** A connection of its own, in no schema and without the time limits of daily work; who asks for it destroys it. */
  maintain(): { readonly db: Database; readonly server: ServerName }
  /** Brings the schema up to date; may run in several processes at once, and while older workers work. */
  migrate(): Promise<SchemaState>
  /** What `migrate` would do. @throws MillcourseError LEDGER_SCHEMA_OUTDATED when the schema is too new for this release */
  schemaState(): Promise<SchemaState>
  close(): Promise<void>
}

export interface PostgresClientOptions {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string
  readonly project: string
  readonly poolMax?: number
}

const conflictRetries = 5
/** A statement that takes longer hangs; a lock waited for longer is held by someone stuck. */
const statementTimeoutMs = 60_000
const lockTimeoutMs = 15_000
/** A worker that is stopped inside a transaction holds its locks no longer than this. */
const idleInTransactionTimeoutMs = 15_000

/** Connects when first used. @throws MillcourseError CONFIG_INVALID */
export function createPostgresClient(given: PostgresClientOptions): PostgresClient {
  const { server, url } = readUrl(given.url)
  const options = { ...given, url }
  const schema = schemaName(options.project)
  const pool = createPool(options, {
    statement_timeout: statementTimeoutMs,
    lock_timeout: lockTimeoutMs,
    idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
    // Somewhat later than the server's own, for a server that no longer answers at all.
    query_timeout: statementTimeoutMs + 5_000,
  })
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
  // On a connection of its own, without the time limits of daily work.
  const migrationTarget = () => ({
    db: new Kysely<unknown>({ dialect: new PostgresDialect({ pool: createPool({ ...options, poolMax: 1 }, {}) }) }),
    schema,
    server,
  })
  const retried = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await pRetry(work, {
        retries: conflictRetries,
        minTimeout: 20,
        maxTimeout: 500,
        randomize: true,
        shouldRetry: ({ error }) => isPassingConflict(error),
      })
    } catch (error) {
      throw toMillcourseError(error, server)
    }
  }
  return {
    project: options.project,
    query: (work) => retried(() => work(db.withSchema(schema))),
    transact: (work) => retried(() => db.transaction().execute((trx) => work(trx.withSchema(schema)))),
    maintain: () => ({
      db: new Kysely<Tables>({ dialect: new PostgresDialect({ pool: createPool({ ...options, poolMax: 1 }, {}) }) }),
      server,
    }),
    migrate: () => migrateSchema(migrationTarget()),
    schemaState: async () => {
      const target = migrationTarget()
      try {
        return await readSchemaState(target)
      } catch (error) {
        throw toMillcourseError(error, server)
      } finally {
        await target.db.destroy()
      }
    },
    close: () => db.destroy(),
  }
}

function createPool(options: PostgresClientOptions, limits: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolMax ?? 10,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    // Instants are read as ISO 8601, whatever a server or a role has for its people.
    options: '-c DateStyle=ISO',
    application_name: `millcourse ${options.project}`,
    types: { getTypeParser: ((oid: number) => parsers[oid] ?? pg.types.getTypeParser(oid)) as never },
    ...limits,
  })
  // A connection that breaks while nobody uses it is dropped from the pool, and while it is in use its statement fails: without
  // listeners either would end the process.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

/** By Postgres's type numbers. Integers of 64 bits and `numeric` (whole numbers here) are bigint; moments are instants. */
const parsers: Readonly<Record<number, (text: string) => unknown>> = {
  20: BigInt,
  1016: (text) => (text === '{}' ? [] : text.slice(1, -1).split(',').map(BigInt)),
  1700: BigInt,
  1184: (text) => parseInstant(text.replace(/([+-]\d\d)$/, '$1:00')),
  // Asked for each part, a reviver takes several times as long as the parser.
  114: (text) => (text.includes('"$number"') ? JSON.parse(text, reviveNumber) : JSON.parse(text)),
}

/** JSON for a `json` column. NaN and the infinities, which a profile may hold, survive. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, part) =>
    typeof part === 'number' && !Number.isFinite(part) ? { $number: String(part) } : part,
  )
}

function reviveNumber(_: string, part: unknown): unknown {
  return typeof part === 'object' && part !== null && '$number' in part ? Number(part.$number) : part
}

/** Quoted wherever it is used; beyond Postgres's 63 bytes, which it would cut off in silence, a digest keeps names apart. */
export function schemaName(project: string): string {
  const name = `millcourse_${project}`
  if (Buffer.byteLength(name) <= 63) return name
  const digest = createHash('sha256').update(project).digest('hex').slice(0, 16)
  return `millcourse_${project.replace(/[^a-z0-9_]/gi, '_').slice(0, 35)}_${digest}`
}

function readUrl(given: string): { readonly server: ServerName; readonly url: string } {
  try {
    const { host, pathname } = new URL(given)
    return { server: `${host}${pathname}`, url: withTlsAsLibpq(given) }
  } catch (error) {
    if (isMillcourseError(error)) throw error

    // The parser's own error repeats the URL, with the password.
    throw new MillcourseError('CONFIG_INVALID', "the ledger's URL is not a URL", {
      hint: 'write it as postgres://user:password@host:5432/database; special characters in the password as %XX',
    })
  }
}
