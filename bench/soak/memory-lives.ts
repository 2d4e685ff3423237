/**
 * How the resident memory of each process went while it lived: a line of least squares through its peaks, one of each span. Between them V8 and the
 * kernel take pages away from a process at rest and it takes them again, by tens of MiB at any time; what leaks raises the peaks as it raises all.
 */
const mib = 2 ** 20

export interface MemorySample {
  readonly atMs: number
  readonly rssBytes: number
}

/** One process from its start to its end. */
export interface ProcessLife {
  readonly name: string
  readonly pid: number
  readonly startedMs: number
  readonly samples: MemorySample[]
}

export interface GrowthRules {
  /** From then on memory is judged. */
  readonly fromMs: number
  readonly untilMs: number
  /** So long after its start a process still fills its caches and compiles its code. */
  readonly settlingMs: number
  /** Of the rest it has to have lived so long. */
  readonly livedMsMin: number
  /** Of each span so long one sample is a point of the line. */
  readonly spanMs: number
  /** Which. */
  readonly point: 'highest' | 'lowest'
}

export interface Growth {
  readonly name: string
  readonly pid: number
  readonly fromMs: number
  readonly untilMs: number
  readonly firstMib: number
  readonly lastMib: number
  readonly mibPerMinute: number
  /** 95 %: so much to either side; null: fewer than three spans. */
  readonly plusMinus: number | null
}

/** Null: it has not lived long enough to be judged. */
export function growthOf({ name, pid, startedMs, samples }: ProcessLife, rules: GrowthRules): Growth | null {
  const fromMs = Math.max(rules.fromMs, startedMs + rules.settlingMs)
  const judged = samples.filter(({ atMs }) => atMs >= fromMs && atMs <= rules.untilMs)
  const untilMs = judged.at(-1)?.atMs ?? fromMs
  if (untilMs - fromMs < rules.livedMsMin) return null
  const points = pointsOf(judged, fromMs, rules)
  if (points.length < 2) return null
  const { slope, intercept } = leastSquares(points)
  const at = (x: number) => slope * x + intercept
  return {
    ...{ name, pid, fromMs, untilMs, mibPerMinute: slope },
    ...{ firstMib: at(0), lastMib: at((untilMs - fromMs) / 60_000) },
    plusMinus: points.length < 3 ? null : halfWidth(points),
  }
}

/** In minutes and MiB; of a span that was seen less than half it is not known how far it went. */
function pointsOf(samples: readonly MemorySample[], fromMs: number, { spanMs, point }: GrowthRules): Point[] {
  const sign = point === 'highest' ? 1 : -1
  const spans = new Map<number, MemorySample[]>()
  for (const sample of samples) {
    const span = Math.floor((sample.atMs - fromMs) / spanMs)
    spans.set(span, [...(spans.get(span) ?? []), sample])
  }
  const seenMost = Math.max(...[...spans.values()].map(({ length }) => length))
  return [...spans.values()]
    .filter(({ length }) => 2 * length >= seenMost)
    .map((span) => span.reduce((most, sample) => (sign * (sample.rssBytes - most.rssBytes) > 0 ? sample : most)))
    .map(({ atMs, rssBytes }) => ({ x: (atMs - fromMs) / 60_000, y: rssBytes / mib }))
}

interface Point {
  readonly x: number
  readonly y: number
}

const meanOf = (points: readonly Point[], axis: 'x' | 'y'): number =>
  points.reduce((sum, point) => sum + point[axis], 0) / points.length

function leastSquares(points: readonly Point[]): {
  readonly slope: number
  readonly intercept: number
  readonly sxx: number
} {
  const [x, y] = [meanOf(points, 'x'), meanOf(points, 'y')]
  const sxx = points.reduce((sum, point) => sum + (point.x - x) ** 2, 0)
  const sxy = points.reduce((sum, point) => sum + (point.x - x) * (point.y - y), 0)
  const slope = sxx === 0 ? 0 : sxy / sxx
  return { slope, intercept: y - slope * x, sxx }
}

/** Student's t at 95 %, two sides, by degrees of freedom from 1; beyond the table the last one is close. */
const student = [
  12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.2, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.1, 2.09, 2.09,
]

function halfWidth(points: readonly Point[]): number {
  const { slope, intercept, sxx } = leastSquares(points)
  const freedom = points.length - 2
  const rest = points.reduce((sum, { x, y }) => sum + (y - slope * x - intercept) ** 2, 0)
  return student[Math.min(freedom, student.length) - 1]! * Math.sqrt(rest / freedom / sxx)
}
