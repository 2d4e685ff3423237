import type { LabelsOf, NameOf } from '../measure/metrics.js'

/** Where numbers and spans go. Cheap where nobody listens, and it never throws: what is measured must not suffer from it. */
export interface Telemetry {
  /** Adds to a counter, 1 where nothing is said. */
  count<Name extends NameOf<'counter'>>(name: Name, labels: LabelsOf<Name>, by?: number): void
  /** One value of a histogram, in the metric's unit. */
  observe<Name extends NameOf<'histogram'>>(name: Name, labels: LabelsOf<Name>, value: number): void
  /** All readings of a gauge at once: a series that is left out is gone, as is the view it was of. */
  show<Name extends NameOf<'gauge'>>(name: Name, readings: readonly Reading<Name>[]): void
  /** Work as a span below the one it is called in; an error thrown ends it as failed, with its code. */
  span<T>(name: string, attributes: SpanAttributes, work: (span: Span) => Promise<T>): Promise<T>
}

export interface Reading<Name extends NameOf<'gauge'>> {
  readonly labels: LabelsOf<Name>
  readonly value: number
}

export interface Span {
  /** What is known only once the work is under way. */
  set(attributes: SpanAttributes): void
}

/** Names as OpenTelemetry has them where it has one (`db.system.name`), else below `millcourse.`. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

/** Measures nothing: for tests, commands, and whoever does not ask. */
export const noTelemetry: Telemetry = {
  count: () => {},
  observe: () => {},
  show: () => {},
  span: (_name, _attributes, work) => work({ set: () => {} }),
}
