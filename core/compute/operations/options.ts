/** Options that builders of operations take beside `over` and `by`. */
import type { OperationOptions, WindowParameters } from './operation.js'

export const noOptions: OperationOptions<unknown> = { names: [], read: () => null }

/** Rows and values kept per tile grow with it. */
const countMax = 1_000

export interface CountOption {
  /** How many, 1 to 1,000. */
  readonly n: number
}

export const countOption: OperationOptions<CountOption> = {
  names: ['n'],
  read: ({ n }) =>
    Number.isInteger(n) && 1 <= n && n <= countMax ? { n } : `n is ${JSON.stringify(n)}, not 1, 2, … ${countMax}`,
}

export type QuantileOption =
  | {
      /** Between 0 and 1: 0.5 is the median. */
      readonly q: number
      readonly quantiles?: never
    }
  | {
      /** Several at once, each between 0 and 1: the answer is a list in this order. */
      readonly quantiles: readonly [number, ...number[]]
      readonly q?: never
    }

export const quantileOption: OperationOptions<QuantileOption> = {
  names: ['q', 'quantiles'],
  read: ({ q, quantiles }): WindowParameters | string => {
    const isShare = (one: unknown): boolean => typeof one === 'number' && 0 <= one && one <= 1
    if (q !== undefined && quantiles !== undefined) return 'q and quantiles are one too many: give one of the two'
    if (q !== undefined) return isShare(q) ? { q } : `q is ${JSON.stringify(q)}, a share lies between 0 and 1`
    const isList = Array.isArray(quantiles) && quantiles.length > 0 && quantiles.every(isShare)
    return isList ? { quantiles: [...quantiles] } : 'q: 0.5 or quantiles: [0.5, 0.9] is missing, each between 0 and 1'
  },
}
