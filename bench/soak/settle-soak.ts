/** After the last fault: what was due is published, every incident has ended by itself, and then nothing is started any more. */
import { instantToMs } from '../../core/time/instant.js'
import { until } from '../../drill/until.js'
import { pauseSchedules, untilQuiet } from '../../drill/world/steady-state.js'
import type { SoakWorld } from './soak-world.js'

export interface Settled {
  readonly settledMs: number
  /** What is still open, or not there, in words. */
  readonly left: readonly string[]
}

const withinMs = 300_000
const sayEveryMs = 15_000
const attemptsMax = 5

export async function settleSoak(world: SoakWorld, dueMs: number, say: (text: string) => void): Promise<Settled> {
  const { ports, repo, children } = world
  const signal = new AbortController().signal
  const startedMs = Date.now()
  let left: string[] = []
  let saidMs = startedMs
  await until(
    signal,
    async () => {
      left = await whatIsLeft(world, dueMs).catch((error: Error) => [error.message])
      if (Date.now() - saidMs > sayEveryMs) {
        saidMs = Date.now()
        say(`  ${left.length} left: ${left[0]}`)
      }
      return left.length === 0 ? true : null
    },
    startedMs + Math.max(withinMs, 10 * world.shape.everyMs),
    1_000,
  )
  const settledMs = Date.now() - startedMs
  // It would tell that nothing is started.
  await children.stop('watcher')
  const views = repo.views.map(({ name }) => name)
  const rest = async () => {
    await stubborn(() => pauseSchedules({ ports }))
    await untilQuiet({ ports, views, signal })
  }
  await rest().catch((error: Error) => {
    left = [...left, `it does not come to rest: ${error.message}`]
  })
  return { settledMs, left }
}

/** A server that is busy may not answer in time, once or twice: that is nobody's broken promise. */
async function stubborn(work: () => Promise<void>): Promise<void> {
  for (let nth = 1; ; nth++)
    try {
      return await work()
    } catch (error) {
      if (nth === attemptsMax) throw error
    }
}

async function whatIsLeft({ ports, repo, receiver }: SoakWorld, dueMs: number): Promise<string[]> {
  const ledger = await ports.ledger()
  const left: string[] = []
  for (const { name, version } of repo.views) {
    const published = await ledger.lastPublish({ view: name, version })
    const endMs = published === null ? 0 : instantToMs(published.endAt)
    if (endMs < dueMs)
      left.push(`${name} is published up to ${new Date(endMs).toISOString()}, not ${new Date(dueMs).toISOString()}`)
    const unmarked = await ledger.unmarkedCommits({ view: name, version })
    if (unmarked > 0) left.push(`${name}: ${unmarked} commits are not published`)
  }
  for (const backfill of await ledger.backfills({ isOpen: true, limit: 10 }))
    left.push(`the backfill ${backfill.backfillId} is open`)
  for (const { key, summary } of await ledger.openIncidents()) left.push(`the incident ${key} is open: ${summary}`)
  for (const { key } of receiver.heard.filter(({ event }) => event === 'opened')) {
    const told = receiver.heard.filter((heard) => heard.key === key)
    if (told.at(-1)?.event !== 'resolved') left.push(`nobody was told that ${key} is over`)
  }
  return [...new Set(left)]
}
