/** One wrong line: what the tests of a rule have to notice. */
export interface Mutation {
  /** `R1` … `R37`, of docs/semantics.md. */
  readonly rule: string
  /** What is wrong with it, in words. */
  readonly breaks: string
  /** Where the rule is computed. */
  readonly file: string
  /** Text that the file has exactly once. */
  readonly before: string
  readonly after: string
  /** The files whose tests are named after the rule and have to fail. */
  readonly tests: readonly string[]
}

/** Mutations of one rule, found by the same files. */
export function mutationsOf(
  rule: string,
  tests: readonly string[],
  mutations: readonly Omit<Mutation, 'rule' | 'tests'>[],
): Mutation[] {
  return mutations.map((mutation) => ({ ...mutation, rule, tests }))
}

/** The tests that cite a rule: as vitest's `-t` and as a pattern for titles. `R7` is not `R7b`, and lists are written out or as ranges. */
export function citing(rule: string): RegExp {
  return new RegExp(`\\b${rule}\\b`)
}

/** The file's text with the mutation in it. @throws where the text is not there, or more than once */
export function mutate(text: string, { rule, file, before, after }: Mutation): string {
  const places = text.split(before).length - 1
  if (places !== 1)
    throw new Error(
      `${rule}: ${file} has ${places} times what the mutation replaces; write down where the rule is computed now:\n${before}`,
    )
  return text.replace(before, () => after)
}
