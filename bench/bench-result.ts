/** What a benchmark prints as its last line. */
export interface BenchResult {
  readonly name: string
  /** Unit last in the name. */
  readonly figures: Readonly<Record<string, number>>
  readonly goal: string
  readonly met: boolean
  /** Promises that do not hold, in words: with any of them it fails. Absent: it judges speed or size alone. */
  readonly broken?: readonly string[]
}
