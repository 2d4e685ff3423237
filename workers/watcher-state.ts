/** What the watcher keeps on its own disk, so that it can speak when ledger and scheduler are gone: calendar, open incidents, undelivered messages. */
import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import type { Log } from '../activities/activity-deps.js'
import { makeFolder } from '../adapters/files/make-folder.js'
import type { CalendarEntry, OpenIncident, ViewAge } from '../core/watch/index.js'
import type { DeliveryState } from './alert-delivery.js'

export interface WatcherState extends DeliveryState {
  readonly calendar: readonly CalendarEntry[]
  /** How far each view had come when the ledger last answered. */
  readonly ages: readonly ViewAge[]
  readonly open: readonly OpenIncident[]
  /** Changes of the ledger that were put into the outbox and are not yet said to be told. */
  readonly handed: readonly string[]
  /** What the ledger has not been told yet (it was unreachable). */
  readonly unrecorded: readonly OpenIncident[]
  /** Whether it was the watcher that speaks when the ledger last answered; null: it never did. */
  readonly onDuty: boolean | null
}

const empty: WatcherState = {
  ...{ calendar: [], ages: [], open: [], outbox: [], troubles: [] },
  ...{ handed: [], unrecorded: [], onDuty: null },
}
const shape = z.object({
  calendar: z.array(z.unknown()),
  // A former release wrote none of those that have a default.
  ages: z.array(z.unknown()).default([]),
  open: z.array(z.unknown()),
  outbox: z.array(z.unknown()),
  troubles: z.array(z.unknown()).default([]),
  handed: z.array(z.string()).default([]),
  handedInFull: z.array(z.string()).optional(),
  unrecorded: z.array(z.unknown()),
  onDuty: z.boolean().nullable().default(null),
})

/** An absent or unreadable file is an empty state, and the caller is told which. */
export async function readWatcherState(
  path: string,
): Promise<{ readonly state: WatcherState; readonly problem: string | null }> {
  try {
    const { handedInFull, ...rest } = shape.parse(JSON.parse(await readFile(path, 'utf8')))
    return { state: { ...rest, handed: handedInFull ?? rest.handed } as WatcherState, problem: null }
  } catch (error) {
    const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    return {
      state: empty,
      problem: isAbsent
        ? null
        : `${path} is unreadable and starts anew: ${error instanceof Error ? error.message : error}`,
    }
  }
}

/**
 * Keeps the state where it can. A disk that is full or gone must not silence the watcher: it speaks from memory, says what it would
 * forget if it died now, and writes again as soon as the disk lets it.
 */
export function keepWatcherState(path: string, log: Log) {
  let failure: Error | null = null
  let writing = Promise.resolve()
  return {
    /** Null: what was written last is on disk. */
    failure: () => failure,
    /** One after the other: looks and deliveries both change the state, and what is written last is the newest. */
    async write(newest: () => WatcherState): Promise<void> {
      writing = writing.then(() => write(newest()))
      await writing
    },
  }
  async function write(state: WatcherState): Promise<void> {
    try {
      await writeWatcherState(path, state)
      if (failure !== null) log.info({ path }, 'the watcher can keep its state again')
      failure = null
    } catch (cause) {
      const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
      const message = `the state cannot be written to ${path} (${why}); alerts are sent, but a restart would forget calendar and unsent alerts`
      // Once, not every few seconds: probes go on saying it.
      if (failure?.message !== message)
        log.error({ path, why, hint: 'give MILLCOURSE_WATCH_STATE_DIR a folder on a disk with room' }, message)
      failure = new Error(message, { cause })
    }
  }
}

/** The release before, which may be started again beside the newer schema, takes what was handed on for numbers: it knows no times of changes. */
function asFormerReleasesRead(state: WatcherState): object {
  return { ...state, handed: state.handed.map((changeId) => changeId.split('@')[0]), handedInFull: state.handed }
}

/** All or nothing, on disk before it returns. */
async function writeWatcherState(path: string, state: WatcherState): Promise<void> {
  await makeFolder(dirname(path))
  const temporary = `${path}.new`
  const file = await open(temporary, 'w')
  try {
    await file.writeFile(JSON.stringify(asFormerReleasesRead(state)))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
}
