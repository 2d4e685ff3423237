/** What the watcher keeps on its own disk, so that it can speak when ledger and scheduler are gone: calendar, open incidents, undelivered messages. */
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import type { AlertMessage } from '../core/ports/alert-channel.js'
import type { CalendarEntry, OpenIncident } from '../core/watch/index.js'

export interface WatcherState {
  readonly calendar: readonly CalendarEntry[]
  readonly open: readonly OpenIncident[]
  /** By channel: what it has not acknowledged yet, oldest first. */
  readonly outbox: readonly { readonly channel: string; readonly message: AlertMessage }[]
  /** Resolutions and openings that the ledger has not been told yet (it was unreachable). */
  readonly unrecorded: readonly OpenIncident[]
}

const empty: WatcherState = { calendar: [], open: [], outbox: [], unrecorded: [] }
const shape = z.object({
  calendar: z.array(z.unknown()),
  open: z.array(z.unknown()),
  outbox: z.array(z.unknown()),
  unrecorded: z.array(z.unknown()),
})

/** An absent or unreadable file is an empty state, and the caller is told which. */
export async function readWatcherState(
  path: string,
): Promise<{ readonly state: WatcherState; readonly problem: string | null }> {
  try {
    return { state: shape.parse(JSON.parse(await readFile(path, 'utf8'))) as WatcherState, problem: null }
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

/** All or nothing, on disk before it returns. */
export async function writeWatcherState(path: string, state: WatcherState): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.new`
  const file = await open(temporary, 'w')
  try {
    await file.writeFile(JSON.stringify(state))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
}
