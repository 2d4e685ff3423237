import { performance } from 'node:perf_hooks'
import type { Clock } from '../../core/ports/clock.js'
import { type Instant, instantFromMs } from '../../core/time/instant.js'

/** The machine's clock; `pretendedNow` (`--now T`) replaces `now` and nothing else. The only place that asks for the time. */
export class SystemClock implements Clock {
  constructor(private readonly pretendedNow: Instant | null = null) {}

  now(): Instant {
    return this.pretendedNow ?? this.realNow()
  }

  realNow(): Instant {
    return instantFromMs(Date.now())
  }

  monotonicMs(): number {
    return performance.now()
  }
}
