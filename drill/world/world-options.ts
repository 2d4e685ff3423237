import type { PartName } from '../stack/drill-stack.js'

/** How a drill's world differs from the plain one. */
export interface WorldOptions {
  /** Added to the definitions of the source and of both views. */
  readonly source?: Readonly<Record<string, unknown>>
  readonly totals?: Readonly<Record<string, unknown>>
  readonly latest?: Readonly<Record<string, unknown>>
  /** Variables of the product's processes. */
  readonly settings?: Readonly<Record<string, string>>
  /** What the worker makes files on (`DrillWorld.filesDir`) is a disk of its own with so much room. Absent: the machine's. */
  readonly diskBytes?: number
  /** Somebody else is told of everything, too, by a channel of his own. */
  readonly hasColleague?: boolean
  /** Servers that this drill breaks: it gets its own, or on staging a proxy that can be cut. */
  readonly breaks?: readonly PartName[]
}
