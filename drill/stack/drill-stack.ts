/** Where drills take place: an embedded stack of their own, or a staging stack that is already there. */
import type { QueryEngine } from '../../core/ports/query-engine.js'

export type PartName = 'postgres' | 'temporal' | 'dynamodb'

export interface DrillStack {
  readonly kind: 'embedded' | 'staging'
  /** A folder for everything that drills write here, gone at the end. */
  readonly dir: string
  /** What a process needs to reach it; no address of any other stack. */
  readonly environment: Readonly<Record<string, string>>
  /** Below which a world has its lake and its sources. */
  readonly root: string
  /** Of the producers; the product's processes have their own. */
  readonly engine: QueryEngine
  /** A server that one drill may break, and nobody else notices. */
  breakable(part: PartName, dir: string): Promise<BreakablePart>
  stop(): Promise<void>
}

export interface BreakablePart {
  /** Instead of the stack's own address. */
  readonly environment: Readonly<Record<string, string>>
  /** Nobody gets an answer from it any more. */
  break(): Promise<void>
  /** At the same address, with what it had. */
  mend(): Promise<void>
  stop(): Promise<void>
}
