/** What `doctor` finds about one part. */
export interface Finding {
  readonly part: string
  /** `absent`: not there, and not needed for what was asked. */
  readonly state: 'ok' | 'absent' | 'wrong'
  readonly found: string
  /** What to do; null: nothing. */
  readonly advice: string | null
}

export interface Check {
  readonly part: string
  /** What was found, when all is well. A throw is a finding too: its message and hint. */
  look(): Promise<string | Omit<Finding, 'part'>>
}
