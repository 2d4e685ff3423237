/** What a drill is given: a small product of its own at work, and hands on it from outside. */

import type { RunningPart } from '../../workers/dev-parts.js'
import type { StackPorts } from '../../workers/stack-ports.js'
import type { Alarm } from '../alarm.js'
import type { IncidentReceiver } from '../receiver/incident-receiver.js'
import type { BreakablePart, DrillStack, PartName } from '../stack/drill-stack.js'
import type { Pace } from './pace.js'
import type { Producer } from './producer.js'

export type ProcessName = 'worker' | 'watcher'

export interface DrillWorld {
  readonly stack: DrillStack
  readonly project: string
  /** Everything of this world lies below it. */
  readonly dir: string
  readonly repoDir: string
  /** Where the worker makes the files of the lake: the lake, or where that is in S3 the spill folder, from which they are sent. */
  readonly filesDir: string
  readonly pace: Pace
  /** Aborted: no drill goes on. */
  readonly signal: AbortSignal
  /** Of the product's processes. */
  readonly environment: Readonly<Record<string, string>>
  readonly sinceMs: number
  /** Names of the views; all are of version 1. */
  readonly views: readonly string[]
  /** To look at what the product has done: never used by the product. */
  readonly ports: StackPorts
  readonly producer: Producer
  readonly receiver: IncidentReceiver
  /** Starts the watcher with other routes: incidents of this rule are told to nobody; null: all are told. */
  cut(alarm: Alarm | null): Promise<void>
  /** The watcher has looked since it was started, as far as its signs of life tell. */
  isWatched(): boolean
  /** Servers that the drill may break (`WorldOptions.breaks`). */
  part(name: PartName): BreakablePart
  /** `millcourse worker`, `millcourse watcher`: real processes. */
  startProcess(name: ProcessName, settings?: Readonly<Record<string, string>>): Promise<void>
  /** Null: it does not run. */
  process(name: ProcessName): RunningPart | null
  /** SIGKILL, and waits for its end. */
  killProcess(name: ProcessName): Promise<void>
  /** SIGTERM, and waits for its end. */
  stopProcess(name: ProcessName): Promise<void>
  /** `millcourse …` as an operator has it, `--json`. @throws Error with what it said, where it fails */
  command(...words: string[]): Promise<Record<string, unknown>>
  /** The start of the interval that ends next, if not at once: no run has looked at it yet. */
  comingStartMs(): number
  /** For the report: what happened when. */
  note(text: string): void
  /** Ends what still runs and removes what it made in the stack's parts. */
  close(): Promise<void>
}
