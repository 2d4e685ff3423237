import type { Pace } from './pace.js'

/** An hour is some seconds here, and so is what is waited for. */
export const shortTimes = (pace: Pace): Readonly<Record<string, string>> => ({
  MILLCOURSE_HEARTBEAT: '3s',
  MILLCOURSE_LEASE: '3s',
  MILLCOURSE_PUBLISH_WAIT: '6s',
  MILLCOURSE_SHUTDOWN_GRACE: '5s',
  MILLCOURSE_WATCH_POLL: `${pace.pollMs}ms`,
  MILLCOURSE_WATCH_GRACE: `${pace.graceMs}ms`,
  MILLCOURSE_WATCH_UNREACHABLE: `${pace.unreachableMs}ms`,
  MILLCOURSE_HEARTBEAT_EVERY: `${pace.heartbeatMs}ms`,
  MILLCOURSE_MEMORY_LIMIT: '256MiB',
  MILLCOURSE_THREADS: '1',
  MILLCOURSE_COMPACT: 'off',
  MILLCOURSE_CHECK_QUALITY: 'off',
})
