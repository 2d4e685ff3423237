/** What a benchmark prints as its last line. */
export interface BenchResult {
  readonly name: string
  /** Unit last in the name. */
  readonly figures: Readonly<Record<string, number>>
  readonly goal: string
  readonly met: boolean
}
