/** The product's watcher behind a worker's ways, with a receiver of its own. */
import { join } from 'node:path'
import { SystemClock } from '../../../adapters/clock/system-clock.js'
import type { AlertMessage } from '../../../core/ports/alert-channel.js'
import { parseInstant } from '../../../core/time/instant.js'
import { readConfig } from '../../../workers/config.js'
import { openStackPorts } from '../../../workers/stack-ports.js'
import { runWatcher, watcherDefaults } from '../../../workers/watcher.js'

export interface OutageWatcher {
  /** `opened ledger_unreachable: the ledger does not answer: …`, in the order they came. */
  readonly heard: string[]
  stop(): Promise<void>
}

export async function startOutageWatcher(
  environment: Readonly<Record<string, string>>,
  dir: string,
  now: string,
): Promise<OutageWatcher> {
  const config = readConfig(environment)
  const ports = openStackPorts(() => config)
  const heard: string[] = []
  const stop = new AbortController()
  let onFirstLook = () => {}
  const looked = new Promise<void>((resolve) => {
    onFirstLook = resolve
  })
  const send = async ({ event, incident }: AlertMessage) => {
    heard.push(`${event} ${incident.rule}: ${incident.summary}`)
    return 'heard'
  }
  const running = runWatcher(
    {
      clock: new SystemClock(parseInstant(now)),
      log: { info() {}, warn() {}, error() {} },
      ledger: await ports.ledger(),
      registry: await ports.registry(),
      scheduler: await ports.runControl(),
      channels: [{ name: 'test', send }],
      onLook: (error) => error === null && onFirstLook(),
    },
    { ...watcherDefaults, stateDir: join(dir, 'watcher'), pollMs: 200, unreachableAfterMs: 300 },
    stop.signal,
  )
  // It knows then what there is to watch.
  await looked
  return {
    heard,
    async stop() {
      stop.abort()
      await running
      await ports.close()
    },
  }
}
