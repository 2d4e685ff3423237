/** Whether two answers for one key are the same. */
import type { ViewBundle } from '../define/definitions.js'
import { rowSource } from '../source/index.js'

/** Feature name -> value, as the query engine gives them. */
export type Answer = Readonly<Record<string, unknown>>

/** Names of the features in which two answers differ, in the view's order. */
export function differingFeatures(bundle: ViewBundle, a: Answer, b: Answer): string[] {
  const isSum = mayHoldSums(bundle)
  return bundle.view.features
    .filter(({ name }) => !isSameValue(a[name] ?? null, b[name] ?? null, isSum))
    .map(({ name }) => name)
}

/** Its values, or those of the view that its rows are of, may be sums of floats. */
export function mayHoldSums({ view, source }: ViewBundle): boolean {
  return view.viewKind === 'window' || rowSource(source).upstream?.view.viewKind === 'window'
}

/** Amounts beyond what exact sums hold are summed as floats, in whatever order; looked-up values are the same to the bit. */
const sumTolerance = 2 ** -45

/** @param isSum may be a sum of floats, in whatever order */
export function isSameValue(a: unknown, b: unknown, isSum: boolean): boolean {
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((part, index) => isSameValue(part, b[index], isSum))
  if (typeof a === 'number' && typeof b === 'number' && isSum)
    return Object.is(a, b) || a === b || Math.abs(a - b) < Math.min(Math.abs(a), Math.abs(b)) * sumTolerance
  return text(a) === text(b)
}

/**
 * Integers of any width are one family, whoever hands them over. So are 0 and -0: a column with both keeps only one of them in the
 * engine's Parquet files and tables, whichever came first.
 */
function text(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === 'bigint' || typeof part === 'number') return `#${part}`
    return part instanceof Uint8Array ? [...part] : part
  })
}
