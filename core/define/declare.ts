/**
 * What every builder ends in. A definition with a problem throws when it is made, except while a feature repo is being
 * loaded: then problems are collected, so that `plan` shows all of them and not just the first.
 *
 * Brand and collectors hang on `Symbol.for`: a repo may bring its own copy of the package, and its objects still count.
 */
import { type ErrorCode, MillcourseError } from '../errors.js'
import type { Definition, SourceLocation } from './definitions.js'

/** A mistake in a definition as data; an error is made of it where it is thrown or listed. */
export interface Problem {
  readonly code: Extract<ErrorCode, `DEFINE_${string}`>
  readonly message: string
  readonly hint?: string
  readonly facts?: Readonly<Record<string, string | number>>
}

export const definitionBrand: unique symbol = Symbol.for('millcourse.definition')

/** A definition as the builders return it: the plain data, and for the compiler what other definitions need of its types. */
export interface Declared<D extends Definition = Definition> {
  readonly [definitionBrand]: true
  readonly definition: D
}

export interface Declaration {
  readonly declared: Declared
  readonly problems: readonly Problem[]
}

export function isDeclared(value: unknown): value is Declared {
  return typeof value === 'object' && value !== null && (value as Partial<Declared>)[definitionBrand] === true
}

const collectorsKey = Symbol.for('millcourse.collectors')
type Collector = (declaration: Declaration) => void

function collectors(): Set<Collector> {
  const shared = globalThis as { [collectorsKey]?: Set<Collector> }
  shared[collectorsKey] ??= new Set()
  return shared[collectorsKey]
}

/** Hands every definition made until `stop` to `collector`, problems included; builders do not throw meanwhile. */
export function collectDeclarations(collector: Collector): { readonly stop: () => void } {
  collectors().add(collector)
  return { stop: () => void collectors().delete(collector) }
}

/** @throws MillcourseError DEFINE_*: the first problem, unless a repo is being loaded */
export function declare<T extends Declared>(declared: T, problems: readonly Problem[]): T {
  const at = declared.definition.at
  const located = problems.map((problem) => ({ ...problem, facts: { ...problem.facts, ...locationFacts(at) } }))
  for (const collect of collectors()) collect({ declared, problems: located })
  if (collectors().size === 0 && located[0]) throw toDefineError(located[0])
  return declared
}

export function toDefineError({ code, message, hint, facts }: Problem): MillcourseError {
  return new MillcourseError(code, message, { ...(hint ? { hint } : {}), ...(facts ? { facts } : {}) })
}

export function locationFacts(at: SourceLocation | null): Record<string, string | number> {
  return at ? { file: at.file, line: at.line } : {}
}
