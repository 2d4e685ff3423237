import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises'
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
  /** Of whoever asks for a session right now: the lowest gets the heavy slot first. Left out: in the order they come. */
  readonly rank?: () => number
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
  const name = `${spillPrefix()}${process.pid}-${randomBytes(4).toString('hex')}`
  opened.add(name)
  const spillFolder = join(options.spillDir, name)
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
  const beat = setInterval(() => void tellAlive(options.spillDir, spillFolder), beatMs)
  beat.unref()
  return {
    options,
    instance,
    spillFolder,
    httpfs: new Httpfs(instance, spillFolder, options.httpfsFile ?? null, options.s3 ?? null),
    httpLog,
    close: async () => {
      clearInterval(beat)
      await httpLog.close()
      instance.closeSync()
      await rm(spillFolder, { recursive: true, force: true })
    },
  }
}

/** Names of this process's own. */
const opened = new Set<string>()

/** The host's name is part of it: on a shared volume another machine's process ids say nothing. */
function spillPrefix(): string {
  return `duckdb-${hostname()}-`
}

async function removeAbandonedSpill(spillDir: string): Promise<void> {
  const names = await readdir(spillDir).catch(() => [])
  for (const name of names) {
    if (!name.startsWith(spillPrefix())) continue
    // Behind the prefix of host `vm` also stand the names of host `vm-4000`.
    const [, pid] = /^(\d+)-[0-9a-f]+$/.exec(name.slice(spillPrefix().length)) ?? []
    if (pid === undefined) continue
    const folder = join(spillDir, name)
    const isUsed = Number(pid) === process.pid ? opened.has(name) || (await isTouched(folder)) : isAlive(Number(pid))
    if (!isUsed) await rm(folder, { recursive: true, force: true })
  }
}

const beatMs = 60_000
/** In a container that is started again, or in another of its name, a process has the same id: who lives touches its folder. */
const silentMaxMs = 10 * beatMs

async function tellAlive(spillDir: string, folder: string): Promise<void> {
  const now = new Date()
  // What keeps it from this keeps nobody from working.
  await utimes(folder, now, now).catch(() => {})
  await removeAbandonedSpill(spillDir).catch(() => {})
}

async function isTouched(folder: string): Promise<boolean> {
  const found = await stat(folder).catch(() => null)
  return found !== null && Date.now() - found.mtimeMs < silentMaxMs
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
