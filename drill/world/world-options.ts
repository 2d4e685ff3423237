import type { PartName } from '../stack/drill-stack.js'

/** How a drill's world differs from the plain one. */
export interface WorldOptions {
  /** Added to the definitions of the source and of both views. */
  readonly source?: Readonly<Record<string, unknown>>
  readonly totals?: Readonly<Record<string, unknown>>
  readonly latest?: Readonly<Record<string, unknown>>
  /** Variables of the product's processes. */
  readonly settings?: Readonly<Record<string, string>>
  /** Servers that this drill breaks: it gets its own, or on staging a proxy that can be cut. */
  readonly breaks?: readonly PartName[]
}

/** An hour of the product’s life in ten seconds: intervals, Schedules, times of rules. */
export const everyMs = 10_000
export const graceMs = 12_000
export const unreachableMs = 2_000
export const pollMs = 1_000
