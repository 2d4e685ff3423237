/** What happens to a soak's product from outside, drawn from its seed before anything is started: the same seed, the same faults at the same times. */
import { pick, type Random, seededRandom } from '../../test/support/random-source.js'

export const soakProcesses = ['worker-1', 'worker-2', 'watcher', 'server'] as const
export type SoakProcess = (typeof soakProcesses)[number]

export type SoakFault = { /** From the beginning of the soak. */ readonly atMs: number } & (
  | {
      /** SIGKILL, and another one after so long. */ readonly kind: 'kill'
      readonly process: SoakProcess
      readonly downMs: number
    }
  | {
      /** So large a share of the requests to DynamoDB. */ readonly kind: 'throttle'
      readonly share: number
      readonly forMs: number
    }
  | {
      /** The files of a source come so many intervals after they should. */ readonly kind: 'late'
      readonly source: number
      readonly intervals: number
    }
  | { /** The past's files are delivered, and somebody asks for their backfill. */ readonly kind: 'backfill' }
)

/** Files come so many intervals before their time. */
export const deliveredAhead = 3

export interface SoakLength {
  readonly durationMs: number
  /** Of an interval: an hour of the product's life. */
  readonly everyMs: number
  readonly sources: number
}

/**
 * Kills and throttles go on until shortly before the end. Who is killed is drawn from all processes at first; later the second worker is
 * meant alone, so that one process of each kind lives through the half in which memory is judged.
 */
export function planSoak(seed: number, { durationMs, everyMs, sources }: SoakLength): SoakFault[] {
  const random = seededRandom(seed)
  const faults: SoakFault[] = []
  const anyoneUntilMs = 0.35 * durationMs
  for (const atMs of times(random, { fromMs: 20_000, toMs: 0.92 * durationMs, gapMs: [15_000, 45_000] })) {
    const process = atMs < anyoneUntilMs ? pick(random, soakProcesses) : 'worker-2'
    faults.push({ atMs, kind: 'kill', process, downMs: between(random, 200, 8_000) })
  }
  for (const atMs of times(random, { fromMs: 30_000, toMs: 0.9 * durationMs, gapMs: [30_000, 80_000] }))
    faults.push({ atMs, kind: 'throttle', share: pick(random, [0.2, 0.5, 1]), forMs: between(random, 3_000, 15_000) })
  for (const atMs of times(random, { fromMs: 0, toMs: durationMs, gapMs: [2 * everyMs, 6 * everyMs] })) {
    const late = { source: Math.floor(random() * sources), intervals: between(random, 2, 4) }
    // The next file that is due is of an interval that begins up to one more later. It comes while ticks still look at it, and one whole of them is left.
    const cameMs = atMs + (deliveredAhead + 2 + late.intervals) * everyMs
    if (cameMs + 2 * everyMs < durationMs) faults.push({ atMs, kind: 'late', ...late })
  }
  faults.push({ atMs: Math.round((0.4 + 0.1 * random()) * durationMs), kind: 'backfill' })
  return faults.toSorted((a, b) => a.atMs - b.atMs)
}

export function describeFault(fault: SoakFault): string {
  const at = `${(fault.atMs / 1_000).toFixed(1)} s`
  switch (fault.kind) {
    case 'kill':
      return `${at}: SIGKILL to ${fault.process}, back after ${(fault.downMs / 1_000).toFixed(1)} s`
    case 'throttle':
      return `${at}: ${fault.share * 100} % of the requests to DynamoDB are throttled for ${(fault.forMs / 1_000).toFixed(1)} s`
    case 'late':
      return `${at}: source ${fault.source} delivers its next file ${fault.intervals} intervals late`
    case 'backfill':
      return `${at}: files of the past are delivered, and a backfill begins`
  }
}

interface Times {
  readonly fromMs: number
  readonly toMs: number
  readonly gapMs: readonly [number, number]
}

function times(random: Random, { fromMs, toMs, gapMs: [least, most] }: Times): number[] {
  const found: number[] = []
  for (let atMs = fromMs + between(random, 0, least); atMs < toMs; atMs += between(random, least, most))
    found.push(atMs)
  return found
}

const between = (random: Random, least: number, most: number): number => Math.round(least + random() * (most - least))
