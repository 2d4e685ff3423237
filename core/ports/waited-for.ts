/** What a run waited for in vain: why it ended as `not-ready`. */
export interface WaitedFor {
  /** One sentence: which marker, or which interval of which view. */
  readonly because: string
  /** The source that was not ready, by its name: that of the rows, or a dimension. */
  readonly source: string
  /** Of a source that is made of a view's commits: the view, by its name. Absent: of files. */
  readonly view?: string
  /** That view's commits are there, and a repair is to mend them first. Absent: they were not, or it is of files. */
  readonly isRepair?: true
}
