/**
 * The pulse of an attempt: a killed or stopped worker is noticed within the heartbeat timeout, while a long query is not. A publish may take
 * days under a write budget, so no time of its own bounds it, but whether it gets on: one that has told nothing new for two hours is silent
 * until it counts as dead, and one that fails is tried again for three hours after the last item that was acknowledged.
 */
import type { Context } from '@temporalio/activity'

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
  stop(): void
}

/** As heartbeats carry it: by the server's clock, about. */
interface Moved {
  readonly movedAtMs?: number
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
  let movedAtMs = (details as Moved | undefined)?.movedAtMs
  const pulse = {
    stalledForMs: () => serverNowMs() - (movedAtMs ?? scheduledTimestampMs),
    moved: () => {},
    stop: () => {},
  }
  if (!heartbeatTimeoutMs) return pulse
  const send = context.heartbeat.bind(context)
  let toldMs = startedMs
  Object.defineProperty(context, 'heartbeat', {
    value: (next?: unknown) => {
      if (itemsIn(next) !== itemsIn(details)) movedAtMs = serverNowMs()
      const told = movedAtMs !== undefined && isRecord(next) ? { ...next, movedAtMs } : next
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
      send({ ...(isRecord(details) ? details : {}), movedAtMs })
    },
    stop: () => clearInterval(timer),
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** Of a publish's cursor; undefined: none was told. */
const itemsIn = (details: unknown): unknown => (isRecord(details) ? details.items : undefined)

function without(details: unknown): unknown {
  if (!isRecord(details)) return details
  const { movedAtMs: _, ...rest } = details
  return rest
}
