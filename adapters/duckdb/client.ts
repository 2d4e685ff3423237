import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import type { SpendMeter } from '../../core/ports/spend-meter.js'
import { HttpLog } from './http-log.js'
import { Httpfs, type S3Access } from './httpfs.js'

export interface DuckdbOptions {
  /** Of the whole instance. The process's own memory goes beyond it: leave room. */
  readonly memoryLimitMb: number
  /** Where work that outgrows the memory limit is kept; each process has a folder of its own below it. */
  readonly spillDir: string
  readonly threads: number
  /** At most so much is spilled; left out: what the disk holds. */
  readonly spillMaxMb?: number
  /** Left out: no statement names `s3://`. */
  readonly s3?: S3Access
  /** The file of the extension httpfs; null or left out: it is looked for. */
  readonly httpfsFile?: string | null
  /** Left out: nobody counts what sessions take. */
  readonly spending?: SpendMeter
}

export interface DuckdbClient {
  readonly options: DuckdbOptions
  readonly instance: DuckDBInstance
  readonly spillFolder: string
  readonly httpfs: Httpfs
  readonly httpLog: HttpLog
  close(): Promise<void>
}

/** One instance per process: `memory_limit` is an instance's. What dead processes of this machine left in the spill folder is removed. */
export async function openDuckdb(options: DuckdbOptions): Promise<DuckdbClient> {
  await removeAbandonedSpill(options.spillDir)
  const spillFolder = join(options.spillDir, `${spillPrefix()}${process.pid}-${randomBytes(4).toString('hex')}`)
  await mkdir(spillFolder, { recursive: true })
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: `${options.memoryLimitMb}MiB`,
    temp_directory: spillFolder,
    threads: String(options.threads),
    preserve_insertion_order: 'false',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
    allow_persistent_secrets: 'false',
    // A swapped file must never be answered from what was read before.
    enable_external_file_cache: 'false',
  })
  const connection = await instance.connect()
  // R10: the machine's own zone never matters.
  await connection.run("SET GLOBAL TimeZone = 'UTC'")
  if (options.spillMaxMb !== undefined)
    await connection.run(`SET GLOBAL max_temp_directory_size = '${options.spillMaxMb}MiB'`)
  connection.closeSync()
  const httpLog = new HttpLog(instance)
  return {
    options,
    instance,
    spillFolder,
    httpfs: new Httpfs(instance, spillFolder, options.httpfsFile ?? null, options.s3 ?? null),
    httpLog,
    close: async () => {
      await httpLog.close()
      instance.closeSync()
      await rm(spillFolder, { recursive: true, force: true })
    },
  }
}

/** The host's name is part of it: on a shared volume another machine's process ids say nothing. */
function spillPrefix(): string {
  return `duckdb-${hostname()}-`
}

async function removeAbandonedSpill(spillDir: string): Promise<void> {
  const names = await readdir(spillDir).catch(() => [])
  for (const name of names) {
    if (!name.startsWith(spillPrefix())) continue
    const pid = Number(name.slice(spillPrefix().length).split('-')[0])
    if (Number.isInteger(pid) && !isAlive(pid)) await rm(join(spillDir, name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, as another user's.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
