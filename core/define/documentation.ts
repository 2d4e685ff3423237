/** What every definition may say about itself; none of it decides a value. */
export interface Documentation {
  /** Team or person that is told about incidents; a source without one is refused by `plan`. */
  readonly owner?: string
  readonly description?: string
  readonly tags?: Readonly<Record<string, string | number | boolean>>
}

export function documented(options: Documentation) {
  return { owner: options.owner ?? null, description: options.description ?? null, tags: options.tags ?? {} }
}
