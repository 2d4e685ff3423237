/**
 * For what a run waited that ended as not ready, and the source that it names so, or that its error names: whose fault it is. Null where a
 * worker of the release before has recorded the end.
 */
export const waitedFor: readonly string[] = [
  `alter table runs add column waited_for json, add column named_source text`,
]
