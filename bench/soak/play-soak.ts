/** Carries out what the plan says, at its times, while readers ask the server. */
import { formatInstant, instantFromMs } from '../../core/time/instant.js'
import { seededRandom } from '../../test/support/random-source.js'
import { describeFault, type SoakFault } from './soak-plan.js'
import { shops } from './soak-source.js'
import { past, pastSinceMs, pastView } from './soak-views.js'
import type { SoakWorld } from './soak-world.js'

const readEveryMs = 200

export interface Played {
  readonly kills: number
  readonly throttledRequests: number
  readonly reads: number
  readonly readsFailed: number
  readonly lateFiles: number
  /** What was promised and not kept meanwhile, in words. */
  readonly broken: readonly string[]
}

export interface Playing {
  readonly seed: number
  readonly faults: readonly SoakFault[]
  readonly durationMs: number
  readonly say: (text: string) => void
}

/** Ends when the time is over, nothing is throttled any more and every process is up. */
export async function playSoak(world: SoakWorld, { seed, faults, durationMs, say }: Playing): Promise<Played> {
  const startedMs = Date.now()
  const broken: string[] = []
  const under: Promise<void>[] = []
  let [kills, throttledRequests, lateFiles] = [0, 0, 0]
  const chance = seededRandom(seed + 1)
  let share = 0
  world.proxy.choose = () => {
    if (share === 0 || chance() >= share) return 'none'
    throttledRequests += 1
    return 'throttle'
  }
  const reading = readAlways(world)
  for (const fault of faults) {
    await sleep(startedMs + fault.atMs - Date.now())
    say(describeFault(fault))
    under.push(
      begin(fault).catch((error: Error) => {
        broken.push(`${describeFault(fault)}: ${error.message}`)
      }),
    )
  }
  await sleep(startedMs + durationMs - Date.now())
  await Promise.all(under)
  const { reads, readsFailed, wentBack } = await reading.stop()
  return { kills, throttledRequests, lateFiles, reads, readsFailed, broken: [...broken, ...wentBack] }

  async function begin(fault: SoakFault): Promise<void> {
    switch (fault.kind) {
      case 'kill':
        // Still down, or just coming up: it cannot die twice.
        if (!(await world.children.kill(fault.process))) return
        kills += 1
        await sleep(fault.downMs)
        return await world.children.start(fault.process)
      case 'throttle':
        share = fault.share
        await sleep(fault.forMs)
        share = 0
        return
      case 'late':
        world.source.delay(fault.source, fault.intervals)
        lateFiles += 1
        return
      case 'backfill': {
        await world.source.deliverPast()
        const sinceMs = pastSinceMs(world.shape)
        const [from, to] = [sinceMs, sinceMs + past.delivered * world.shape.everyMs].map(iso) as [string, string]
        const reason = 'files of the past came late'
        await world.command('backfill', pastView, '--from', from, '--to', to, '--yes', '--reason', reason)
      }
    }
  }
}

/** One reader that goes from view to view; while the server or its store is away it gets no answer. Ends that it is shown only rise (R29). */
function readAlways({ children, repo }: SoakWorld) {
  const highest = new Map<string, string>()
  const wentBack: string[] = []
  let [reads, readsFailed, isOver] = [0, 0, false]
  const work = (async () => {
    for (let at = 0; !isOver; at++) {
      const { name } = repo.views[at % repo.views.length]!
      try {
        const answer = await fetch(`${children.serverUrl}/v1/online/${name}?shop_id=${1 + (at % shops)}`)
        const said = (await answer.json()) as { views?: { publishedEnd: string | null }[] }
        if (!answer.ok) throw new Error('refused')
        reads += 1
        const end = said.views?.[0]?.publishedEnd
        // One that has just started may not know yet what is published.
        if (end == null) continue
        if (end < (highest.get(name) ?? ''))
          wentBack.push(`${name} was read up to ${highest.get(name)}, then to ${end}`)
        else highest.set(name, end)
      } catch {
        readsFailed += 1
      } finally {
        await sleep(readEveryMs)
      }
    }
  })()
  return {
    async stop() {
      isOver = true
      await work
      return { reads, readsFailed, wentBack: wentBack.slice(0, 5) }
    },
  }
}

const iso = (ms: number): string => formatInstant(instantFromMs(ms))
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, Math.max(0, ms)))
