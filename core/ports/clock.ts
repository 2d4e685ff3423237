import type { Instant } from '../time/instant.js'

/**
 * Time is an argument: only the adapter asks the machine. `--now T` replaces `now`, the clock of plan, ttl and watcher;
 * leases, expiry, retention and signatures go by `realNow` and `monotonicMs`.
 */
export interface Clock {
  now(): Instant
  realNow(): Instant
  /** Milliseconds that only rise, from an arbitrary start; for leases and durations. */
  monotonicMs(): number
}
