/** The watcher asks at each look which decision of a view was carried out last. */
export const appliedDecisions: readonly string[] = [
  `create index decisions_applied on decisions (view, version, applied_at) where applied_at is not null`,
]
