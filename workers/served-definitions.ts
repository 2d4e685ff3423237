/**
 * The definitions that the server answers from: asked of Postgres in the background, kept in memory and on disk. Postgres is never
 * on the way of a read: while it is away the last known definitions serve on, and a start then takes those on disk.
 */
import { open, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { Log } from '../activities/activity-deps.js'
import { makeFolder } from '../adapters/files/make-folder.js'
import { isMillcourseError } from '../core/errors.js'
import type { Clock } from '../core/ports/clock.js'
import type { RegistryReader } from '../core/ports/registry.js'
import type { ServingDefinitions } from '../core/serve/index.js'
import { formatInstant, type Instant } from '../core/time/instant.js'
import type { PartState } from './process-http.js'

export interface ServedDefinitionsOptions {
  readonly project: string
  readonly registry: Pick<RegistryReader, 'serving'>
  readonly stateDir: string
  readonly refreshMs: number
  readonly clock: Pick<Clock, 'realNow'>
  readonly log: Log
  readonly signal: AbortSignal
}

export interface ServedDefinitions {
  /** Null: Postgres has not answered yet, and nothing lies on disk. */
  current(): ServingDefinitions | null
  state(): PartState
}

/** What lies on disk; another format or project is not taken for ours. */
const format = 1
const snapshotShape = z.object({
  format: z.literal(format),
  definitions: z.object({
    project: z.string(),
    revision: z.number().int(),
    views: z.array(z.unknown()),
    services: z.array(z.unknown()),
  }),
})

/** Returns when the snapshot has been looked for; Postgres is asked from then on, until `signal`. */
export async function keepServedDefinitions(options: ServedDefinitionsOptions): Promise<ServedDefinitions> {
  const { clock, log, refreshMs, registry, signal } = options
  const file = join(options.stateDir, 'definitions.json')
  let current = await readSnapshot(file, options)
  let isOnDisk = current !== null
  /** Said once: it is tried again at each look. */
  let isUnkeptSaid = false
  /** Why Postgres could not be asked; null: it answered, or was not asked yet. */
  let away: string | null = null
  /** When Postgres was asked for what it told last; null: it told nothing to this process. */
  let toldAt: Instant | null = null

  const look = async () => {
    const askedAt = clock.realNow()
    const found = await registry.serving().catch((error: unknown) => noteAway(error))
    if (found === null) return
    if (away !== null) log.info({ revision: found.revision }, 'Postgres tells the definitions again')
    away = null
    toldAt = askedAt
    const isApplied = current?.revision !== found.revision
    // A first load that has finished names a table, without a revision.
    const isNews = isApplied || tablesOf(current) !== tablesOf(found)
    current = found
    if (isApplied) log.info({ revision: found.revision, views: found.views.length }, 'serving by these definitions')
    if (!isNews && isOnDisk) return
    const unkept = await keepSnapshot(file, found)
    if (unkept !== null && !isUnkeptSaid)
      log.warn({ file, why: unkept }, 'the definitions cannot be kept on disk: a start without Postgres will not serve')
    isOnDisk = unkept === null
    isUnkeptSaid = !isOnDisk
  }
  const noteAway = (error: unknown): null => {
    const why = error instanceof Error ? error.message : String(error)
    const facts = { code: isMillcourseError(error) ? error.code : null, revision: current?.revision ?? null, why }
    // Once per outage: it is asked again and again.
    if (away === null) log.warn(facts, 'the definitions cannot be asked for; what is known is served on')
    away = why
    return null
  }
  void (async () => {
    while (!signal.aborted) {
      await look()
      await sleep(refreshMs, undefined, { signal }).catch(() => {})
    }
  })()
  return {
    current: () => current,
    state() {
      const revision = current === null ? null : `revision ${current.revision}`
      if (current === null) return { part: 'definitions', isOk: false, why: away ?? 'Postgres was not asked yet' }
      // A first load that has finished since is not known, and its keys are `missing`: so one says since when.
      const since = toldAt === null ? 'from disk' : formatInstant(toldAt)
      const why = away === null ? revision : `${revision}, as last known (${since}): ${away}`
      return { part: 'definitions', isOk: true, why }
    },
  }
}

function tablesOf(definitions: ServingDefinitions | null): string {
  return JSON.stringify(definitions?.views.map(({ table }) => table ?? null))
}

async function readSnapshot(
  file: string,
  { project, log }: ServedDefinitionsOptions,
): Promise<ServingDefinitions | null> {
  try {
    const { definitions } = snapshotShape.parse(JSON.parse(await readFile(file, 'utf8')))
    if (definitions.project === project) {
      log.info(
        { revision: definitions.revision, file },
        'serving by the definitions on disk until Postgres has answered',
      )
      return definitions as unknown as ServingDefinitions
    }
    log.warn({ file, found: definitions.project }, `the definitions on disk are another project's and are left alone`)
  } catch (error) {
    const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    if (!isAbsent) log.warn({ file, why: String(error) }, 'the definitions on disk are unreadable and are written anew')
  }
  return null
}

/** All or nothing. Says why it could not be written, which is no reason not to serve; null: it was. */
async function keepSnapshot(file: string, definitions: ServingDefinitions): Promise<string | null> {
  try {
    await makeFolder(dirname(file))
    const draft = `${file}.${process.pid}.new`
    const handle = await open(draft, 'w')
    try {
      await handle.writeFile(JSON.stringify({ format, definitions }))
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(draft, file)
    return null
  } catch (error) {
    return String(error)
  }
}
