/** How fast a drill's world lives: an hour of the product's life is an interval of some seconds, and times of rules go with it. */
export interface Pace {
  /** Length of an interval, and of the Schedules. */
  readonly everyMs: number
  readonly graceMs: number
  readonly pollMs: number
  readonly unreachableMs: number
  /** Signs of life of the watcher, and the silence that is an alarm. */
  readonly heartbeatMs: number
  readonly silenceMs: number
  /** A run may take so long where a drill says so. */
  readonly runMsMax: number
}

/** They divide a minute, the length of the source's partitions. Slower ones are for busy machines. */
export const paces = { '5s': 5_000, '10s': 10_000, '15s': 15_000, '20s': 20_000, '30s': 30_000, '60s': 60_000 } as const

export function paceOf(everyMs: number): Pace {
  return {
    everyMs,
    graceMs: Math.max(8_000, 1.2 * everyMs),
    pollMs: Math.max(500, everyMs / 10),
    unreachableMs: Math.max(2_000, everyMs / 5),
    heartbeatMs: 2_000,
    silenceMs: Math.max(10_000, 1.5 * everyMs),
    runMsMax: Math.max(15_000, 2 * everyMs),
  }
}
