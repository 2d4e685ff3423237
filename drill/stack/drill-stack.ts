/** Where drills take place: an embedded stack of their own, or a staging stack that is already there. */
import type { QueryEngine } from '../../core/ports/query-engine.js'

export type PartName = 'postgres' | 'temporal' | 'dynamodb' | 's3'

/** `gone`: nobody gets an answer; `throttled`, `failing`: each request is answered so, which only DynamoDB and S3 can be made to. */
export type Breakage = 'gone' | 'throttled' | 'failing'

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
  /** `gone` where nothing is said. @throws DrillStopped where this part cannot be broken so */
  break(how?: Breakage): Promise<void>
  /** At the same address, with what it had. */
  mend(): Promise<void>
  stop(): Promise<void>
}
