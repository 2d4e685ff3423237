/** What came of a drill: facts, for a program; `report-text.ts` makes words of them. */
import type { Alarm } from '../alarm.js'
import type { Check } from '../drill.js'

export interface DrillReport {
  readonly drill: string
  /** Its alarm was cut: it has to fail of just that. */
  readonly isCanary: boolean
  /** `not-possible-here`: this stack cannot be made to suffer it; nothing was broken, and nothing is proved or disproved. */
  readonly outcome: 'passed' | 'failed' | 'not-possible-here'
  /** Sentences; empty: nothing failed. */
  readonly failures: readonly string[]
  /** Why it was not possible here; null: it was. */
  readonly notPossibleBecause: string | null
  /** Of a canary: the watcher has opened its incident; null: of a drill, and where nobody but the receiver could know. */
  readonly isRaised: boolean | null
  /** Failed of the alarm that was raised and did not come, and of nothing else: what a canary has to do. */
  readonly isDeafOnly: boolean
  readonly stack: 'embedded' | 'staging'
  readonly startedAt: string
  readonly endedAt: string
  readonly injects: string
  readonly undoneBy: string
  readonly injectedAt: string | null
  readonly expected: { readonly alarm: Alarm; readonly ruleAt: string | null; readonly withinMs: number }
  /** As it came to the receiver; null: it did not. */
  readonly alarm: {
    readonly heardAt: string
    readonly key: string
    readonly summary: string
    /** After the rule's time, which is the latest one: below zero it came before. */
    readonly afterRuleMs: number
  } | null
  readonly undoneAt: string | null
  readonly resolvedAt: string | null
  readonly checks: readonly Check[]
  /** Everything that the receiver was told, in order. */
  readonly told: readonly {
    readonly at: string
    readonly event: string
    readonly key: string
    readonly summary: string
  }[]
  readonly timeline: readonly { readonly at: string; readonly what: string }[]
}
