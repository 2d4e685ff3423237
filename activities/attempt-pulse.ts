/**
 * The pulse of an attempt: a killed or stopped worker is noticed within the heartbeat timeout, while a long query is not. A publish may take
 * days under a write budget, so no time of its own bounds it, but whether it gets on: one that has told nothing new for two hours is silent
 * until it counts as dead, and one that fails is tried again for three hours after the last item that was acknowledged. What an attempt fails
 * of first is carried by the heartbeats, too: Temporal keeps the last failure only, and the next attempt may be another worker's.
 */
import type { Context } from '@temporalio/activity'
import type { FirstFailure } from './failure.js'

type Info = Context['info']

export interface Pulsing {
  readonly info: Pick<
    Info,
    'heartbeatTimeoutMs' | 'heartbeatDetails' | 'scheduledTimestampMs' | 'currentAttemptScheduledTimestampMs'
  >
  heartbeat(details?: unknown): void
}

export interface Pulse {
  /** Milliseconds since the step was asked for, or since it last got on, in whichever attempt. */
  stalledForMs(): number
  /** It only waits for its turn. */
  moved(): void
  /** What the step failed of first, in whichever attempt; null: it has not failed yet. */
  readonly first: FirstFailure | null
  /** Tells it to the attempts to come. */
  keepFirst(failure: FirstFailure): void
  stop(): void
}

/** What heartbeats carry beside the step's own details. */
interface Carried {
  /** By the server's clock, about. */
  readonly movedAtMs?: number
  readonly first?: FirstFailure
}

const quietMsMax = 2 * 3_600_000
/** In heartbeat timeouts; then it beats again, to hear that it is over. */
const silence = 3

/** Repeats the last heartbeat's details (a publish's cursor): a bare pulse would wipe them out. */
export function startPulse(context: Pulsing): Pulse {
  const { heartbeatTimeoutMs, heartbeatDetails, scheduledTimestampMs, currentAttemptScheduledTimestampMs } =
    context.info
  const startedMs = performance.now()
  const serverNowMs = () => currentAttemptScheduledTimestampMs + (performance.now() - startedMs)
  let details: unknown = heartbeatDetails
  let { movedAtMs, first } = (isRecord(details) ? details : {}) as Carried
  const carrying = (next: object) => ({
    ...next,
    ...(movedAtMs === undefined ? {} : { movedAtMs }),
    ...(first ? { first } : {}),
  })
  const send = context.heartbeat.bind(context)
  const sendCarried = () => {
    details = carrying(isRecord(details) ? details : {})
    send(details)
  }
  const pulse = {
    stalledForMs: () => serverNowMs() - (movedAtMs ?? scheduledTimestampMs),
    moved: () => {},
    first: first ?? null,
    keepFirst: (failure: FirstFailure) => {
      first = failure
      sendCarried()
    },
    stop: () => {},
  }
  if (!heartbeatTimeoutMs) return pulse
  let toldMs = startedMs
  Object.defineProperty(context, 'heartbeat', {
    value: (next?: unknown) => {
      if (itemsIn(next) !== itemsIn(details)) movedAtMs = serverNowMs()
      const told = isRecord(next) ? carrying(next) : next
      if (JSON.stringify(next) !== JSON.stringify(without(details))) toldMs = performance.now()
      details = told
      send(told)
    },
  })
  const timer = setInterval(
    () => {
      const quietMs = performance.now() - toldMs - quietMsMax
      if (quietMs < 0 || quietMs > silence * heartbeatTimeoutMs) send(details)
    },
    Math.max(heartbeatTimeoutMs / 4, 50),
  )
  return {
    ...pulse,
    moved: () => {
      movedAtMs = serverNowMs()
      sendCarried()
    },
    stop: () => clearInterval(timer),
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** Of a publish's cursor; undefined: none was told. */
const itemsIn = (details: unknown): unknown => (isRecord(details) ? details.items : undefined)

function without(details: unknown): unknown {
  if (!isRecord(details)) return details
  const { movedAtMs: _movedAtMs, first: _first, ...rest } = details
  return rest
}
