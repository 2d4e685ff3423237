/**
 * A sign of life to somebody outside: a watcher that is dead, cut off or blind cannot say so. Never waited for: whoever listens knows
 * from silence.
 */
import type { Log } from '../activities/activity-deps.js'
import type { Clock } from '../core/ports/clock.js'
import type { Telemetry } from '../core/ports/telemetry.js'

export interface HeartbeatDeps {
  readonly log: Log
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly telemetry: Telemetry
  send(): Promise<void>
}

export interface Heartbeat {
  /** After a look that worked; returns at once. */
  beat(): void
  settled(): Promise<void>
}

export function startHeartbeat({ log, clock, telemetry, send }: HeartbeatDeps, everyMs: number): Heartbeat {
  let saidMs: number | null = null
  let failure: string | null = null
  let sending: Promise<void> | null = null
  async function call(): Promise<void> {
    try {
      await send()
      telemetry.count('millcourse_heartbeats_total', { outcome: 'ok' })
      if (failure !== null) log.info({}, 'the heartbeat is heard again')
      failure = null
    } catch (error) {
      telemetry.count('millcourse_heartbeats_total', { outcome: 'failed' })
      // One that was not heard is sent again after the next look.
      saidMs = null
      const why = error instanceof Error ? error.message : String(error)
      if (failure !== why) log.warn({ why }, 'the heartbeat was not heard; it is sent again')
      failure = why
    } finally {
      sending = null
    }
  }
  return {
    beat() {
      const now = clock.monotonicMs()
      if (sending !== null || (saidMs !== null && now - saidMs < everyMs)) return
      saidMs = now
      sending = call()
    },
    settled: async () => void (await sending),
  }
}
