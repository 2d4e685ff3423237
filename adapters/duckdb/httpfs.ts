/** DuckDB's extension for S3: found or installed, loaded when a statement first names `s3://`, and its secret kept fresh. */

import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { MillcourseError } from '../../core/errors.js'

export interface S3Access {
  /** Null: S3 of the region. */
  readonly endpoint: string | null
  readonly isPathStyle: boolean
  readonly region: string
  /** PEM file; null: those that Node trusts. */
  readonly caFile: string | null
  /** Renewed by whoever gives them; asked for before each statement. */
  credentials(): Promise<S3Credentials>
  /** Replaces the object by the file, whole or not at all. */
  upload(file: string, uri: string, signal?: AbortSignal): Promise<void>
}

export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | null
}

type Environment = Readonly<Record<string, string | undefined>>

export class Httpfs {
  readonly #instance: DuckDBInstance
  readonly #file: string | null
  readonly #access: S3Access | null
  readonly #folder: string
  #loaded: Promise<string> | null = null
  #secretOf: string | null = null
  #refreshing: Promise<void> | null = null

  /**
   * @param folder for files of its own
   * @param file the extension's file; null: it is looked for
   */
  constructor(instance: DuckDBInstance, folder: string, file: string | null, access: S3Access | null) {
    this.#instance = instance
    this.#folder = folder
    this.#file = file
    this.#access = access
  }

  /** @throws MillcourseError COMPUTE_EXTENSION_MISSING, LAKE_ACCESS_DENIED */
  async makeReady(): Promise<void> {
    const access = this.access()
    await this.load()
    this.#refreshing ??= this.#refresh(access).finally(() => {
      this.#refreshing = null
    })
    await this.#refreshing
  }

  access(): S3Access {
    if (this.#access) return this.#access
    throw new MillcourseError('INTERNAL', 'a statement names s3://, of which the engine was told nothing')
  }

  /** What would be loaded, in words; null: it would have to be downloaded first. */
  look(): Promise<string | null> {
    return this.#withConnection(async (connection) => {
      const cached = await cachedExtensionFile(connection, process.env)
      const result = await connection.run(
        "SELECT install_path FROM duckdb_extensions() WHERE extension_name = 'httpfs' AND installed",
      )
      const [installed] = (await result.getRows()) as [string][]
      const file = this.#file ?? installed?.[0] ?? cached
      return existsSync(file) ? `httpfs from ${file}` : null
    })
  }

  /** @returns what was loaded, in words @throws MillcourseError COMPUTE_EXTENSION_MISSING */
  load(): Promise<string> {
    this.#loaded ??= this.#withConnection((connection) => this.#load(connection)).catch((error: unknown) => {
      this.#loaded = null
      throw error
    })
    return this.#loaded
  }

  async #load(connection: DuckDBConnection): Promise<string> {
    const from = await this.#loadFirst(connection)
    const settings = [
      // Names are names: no globs, and a `?` begins no parameters.
      's3_url_compatibility_mode = true',
      // A swapped object must never be answered from what was read before.
      'enable_http_metadata_cache = false',
      'enable_server_cert_verification = true',
      'http_retries = 4',
      `ca_cert_file = ${quoted(this.#access?.caFile ?? (await this.#writeAuthorities()))}`,
    ]
    for (const setting of settings) await connection.run(`SET GLOBAL ${setting}`)
    const result = await connection.run(
      "SELECT extension_version FROM duckdb_extensions() WHERE extension_name = 'httpfs'",
    )
    const [[version]] = (await result.getRows()) as [[string]]
    return `httpfs ${version} from ${from}`
  }

  /** The AWS SDK trusts Node's authorities; a slim image has no others. */
  async #writeAuthorities(): Promise<string> {
    const file = join(this.#folder, 'authorities.pem')
    const extra = process.env.NODE_EXTRA_CA_CERTS ? await readFile(process.env.NODE_EXTRA_CA_CERTS, 'utf8') : ''
    await writeFile(file, [...rootCertificates, extra].join('\n'))
    return file
  }

  /** The file that was named, else what DuckDB has installed, else the cache, else a download. */
  async #loadFirst(connection: DuckDBConnection): Promise<string> {
    const cached = await cachedExtensionFile(connection, process.env)
    const tried: string[] = []
    const attempts: readonly (readonly [from: string, statements: readonly string[]])[] = this.#file
      ? [[this.#file, [`LOAD ${quoted(this.#file)}`]]]
      : [
          ["DuckDB's own folder", ['LOAD httpfs']],
          [cached, [`LOAD ${quoted(cached)}`]],
          ['DuckDB, which downloaded it now', ['INSTALL httpfs', 'LOAD httpfs']],
        ]
    for (const [from, statements] of attempts)
      try {
        for (const statement of statements) await connection.run(statement)
        return from
      } catch (error) {
        tried.push((error as Error).message.split('\n')[0]!)
      }
    throw new MillcourseError(
      'COMPUTE_EXTENSION_MISSING',
      `DuckDB cannot load httpfs, which reads S3: ${tried.join('; ')}`,
      {
        hint: `put the file of this DuckDB's httpfs at ${this.#file ?? cached}, or name it in MILLCOURSE_HTTPFS (docs/configuration.md says where it comes from)`,
        facts: { file: this.#file ?? cached },
      },
    )
  }

  /** Credentials are bound, never part of a statement's text. */
  async #refresh(access: S3Access): Promise<void> {
    const { accessKeyId, secretAccessKey, sessionToken } = await access.credentials()
    const fingerprint = JSON.stringify([accessKeyId, secretAccessKey, sessionToken])
    if (fingerprint === this.#secretOf) return
    const { host, useSsl } = endpointOf(access)
    await this.#withConnection((connection) =>
      connection.run(
        `CREATE OR REPLACE TEMPORARY SECRET millcourse_s3 (TYPE s3, SCOPE 's3://', KEY_ID $1, SECRET $2, SESSION_TOKEN $3, REGION $4,
          ENDPOINT $5, URL_STYLE $6, USE_SSL $7)`,
        [
          accessKeyId,
          secretAccessKey,
          sessionToken ?? '',
          access.region,
          host,
          access.isPathStyle ? 'path' : 'vhost',
          useSsl,
        ],
      ),
    )
    this.#secretOf = fingerprint
  }

  async #withConnection<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const connection = await this.#instance.connect()
    try {
      return await work(connection)
    } finally {
      connection.closeSync()
    }
  }
}

/** Where an extension of this DuckDB may be put by hand. */
export async function cachedExtensionFile(connection: DuckDBConnection, env: Environment): Promise<string> {
  const result = await connection.run('SELECT version(), (SELECT platform FROM pragma_platform())')
  const [[version, platform]] = (await result.getRows()) as [[string, string]]
  const caches = env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache')
  return join(caches, 'millcourse', `duckdb-${version}-${platform}`, 'httpfs.duckdb_extension')
}

function endpointOf({ endpoint, region }: S3Access): { readonly host: string; readonly useSsl: boolean } {
  if (endpoint === null)
    return { host: `s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`, useSsl: true }
  const { host, pathname, protocol } = new URL(endpoint)
  return { host: `${host}${pathname.replace(/\/$/, '')}`, useSsl: protocol === 'https:' }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
