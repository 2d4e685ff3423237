/** Which files a source is read from: its own, or those of a query's `from` and of its dimensions. */
import type { SourceDefinition, SourceDimension } from '../define/definitions.js'
import { parseDuration } from '../time/duration.js'
import { endOfTime } from '../time/instant.js'
import type { Interval } from '../time/interval.js'

/** The source whose files hold the rows. */
export function rowSource(source: SourceDefinition): SourceDefinition {
  return source.query?.from ?? source
}

export function dimensionsOf(source: SourceDefinition): readonly SourceDimension[] {
  return source.query?.with ?? []
}

/** All of them: that of the rows first, then the dimensions in declared order. */
export function inputSources(source: SourceDefinition): readonly SourceDefinition[] {
  return [rowSource(source), ...dimensionsOf(source).map((dimension) => dimension.source)]
}

/** The dimension's event times that rows of an interval may see (R1, R2). */
export function dimensionSpan(dimension: SourceDimension, interval: Interval): Interval {
  return {
    start: dimension.within === null ? -endOfTime : interval.start - parseDuration(dimension.within),
    end: interval.end,
  }
}
