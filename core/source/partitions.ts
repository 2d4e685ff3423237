/**
 * Where a source's files lie: its path with time tokens becomes one glob per partition, a span of UTC as long as the finest
 * token. `flights/date={yyyy-MM-dd}/hour={HH}/*.parquet` has hourly partitions; a path without tokens has one, of all time.
 */
import { endOfTime, type Instant, instantFromMs, instantToMs, nsPerMs } from '../time/instant.js'
import type { Interval } from '../time/interval.js'

export interface Partition {
  readonly span: Interval
  readonly glob: string
}

type Unit = 'year' | 'month' | 'day' | 'hour' | 'minute'
const tokenUnits = { yyyy: 'year', MM: 'month', dd: 'day', 'yyyy-MM-dd': 'day', HH: 'hour', mm: 'minute' } as const
const unitsFromFinest: readonly Unit[] = ['minute', 'hour', 'day', 'month', 'year']
const tokenPattern = /\{(yyyy-MM-dd|yyyy|MM|dd|HH|mm)\}/g
/** What a JavaScript Date can hold; partitions of years beyond are not looked for. */
const dateMaxMs = 8_640_000_000_000_000

/** The partitions whose span overlaps `range`, oldest first. */
export function partitionsOf(path: string, range: Interval): Partition[] {
  const unit = finestUnit(path)
  if (unit === null) return [{ span: { start: -endOfTime, end: endOfTime }, glob: path }]
  const partitions: Partition[] = []
  for (let at = floorToUnit(range.start, unit); at < range.end && instantToMs(at) < dateMaxMs; ) {
    const end = nextUnit(at, unit)
    partitions.push({ span: { start: at, end }, glob: fillTokens(path, at) })
    at = end
  }
  return partitions
}

function finestUnit(path: string): Unit | null {
  const units = [...path.matchAll(tokenPattern)].map(([, token]) => tokenUnits[token as keyof typeof tokenUnits])
  return unitsFromFinest.find((unit) => units.includes(unit)) ?? null
}

function fillTokens(path: string, at: Instant): string {
  // Long years have a sign and six digits in ISO text.
  const [, yyyy, MM, dd, HH, mm] = /^([+-]?\d+)-(\d\d)-(\d\d)T(\d\d):(\d\d)/.exec(
    new Date(instantToMs(at)).toISOString(),
  )!
  const texts: Readonly<Record<string, string>> = { yyyy: yyyy!, MM: MM!, dd: dd!, HH: HH!, mm: mm! }
  return path.replaceAll(tokenPattern, (_, token: string) => texts[token] ?? `${yyyy}-${MM}-${dd}`)
}

function floorToUnit(instant: Instant, unit: Unit): Instant {
  const date = new Date(Math.max(instantToMs(instant), -dateMaxMs))
  if (unit === 'hour') date.setUTCMinutes(0, 0, 0)
  else if (unit === 'minute') date.setUTCSeconds(0, 0)
  else date.setUTCHours(0, 0, 0, 0)
  if (unit === 'month' || unit === 'year') date.setUTCDate(1)
  if (unit === 'year') date.setUTCMonth(0)
  return instantFromMs(date.getTime())
}

function nextUnit(start: Instant, unit: Unit): Instant {
  if (unit === 'minute') return start + 60_000n * nsPerMs
  if (unit === 'hour') return start + 3_600_000n * nsPerMs
  if (unit === 'day') return start + 86_400_000n * nsPerMs
  const date = new Date(instantToMs(start))
  if (unit === 'month') date.setUTCMonth(date.getUTCMonth() + 1)
  else date.setUTCFullYear(date.getUTCFullYear() + 1)
  return instantFromMs(date.getTime())
}

/** The folder that a partition's marker lies in: the deepest that the time tokens name. */
export function markerPath(path: string, partition: Partition, marker: string): string {
  const segments = path.split('/')
  const lastWithToken = segments.findLastIndex((segment) => segment.search(tokenPattern) >= 0)
  const firstGlob = segments.findIndex((segment) => /[*?[]/.test(segment))
  const depth = lastWithToken >= 0 ? lastWithToken + 1 : firstGlob
  const folders = Math.min(depth < 0 ? segments.length : depth, segments.length - 1)
  return [...partition.glob.split('/').slice(0, folders), marker].join('/')
}
