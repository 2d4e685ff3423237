import { earliest, endOfTime, type Instant, instantFromMs, instantToMs, latest, nsPerMs } from '../time/instant.js'

const dayNs = 86_400_000n * nsPerMs

/**
 * Between which instants a wall clock's time may lie (R10): exact away from clock changes, and wide enough within a day of one.
 * @param local the wall clock's reading as if it were UTC
 */
export function utcRangeOfLocal(local: Instant, zone: string): { readonly min: Instant; readonly max: Instant } {
  if (zone === 'UTC' || local <= -endOfTime || local >= endOfTime) return { min: local, max: local }
  const offsets = [local - dayNs, local, local + dayNs].map((at) => offsetAt(at, zone))
  return { min: local - latest(offsets), max: local - earliest(offsets) }
}

/** How far the zone's clocks are ahead of UTC. */
function offsetAt(instant: Instant, zone: string): bigint {
  const date = new Date(instantToMs(instant))
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    calendar: 'iso8601',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
    era: 'short',
  }).formatToParts(date)
  const at = (type: string): number => Number(parts.find((part) => part.type === type)?.value ?? 0)
  const isBeforeChrist = parts.some((part) => part.type === 'era' && part.value.startsWith('B'))
  const wall = new Date(0)
  wall.setUTCFullYear(isBeforeChrist ? 1 - at('year') : at('year'), at('month') - 1, at('day'))
  wall.setUTCHours(at('hour'), at('minute'), at('second'))
  return instantFromMs(wall.getTime()) - instantFromMs(Math.floor(date.getTime() / 1000) * 1000)
}
