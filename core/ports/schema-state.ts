/** The migrations of a database's schema, by name. */
export interface SchemaState {
  readonly applied: readonly string[]
  /** Of this release, not applied. */
  readonly pending: readonly string[]
  /** Applied by this call. */
  readonly done: readonly string[]
  /** Applied by a later release; this one works with them. */
  readonly newer: readonly string[]
}
