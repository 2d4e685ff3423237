import type { Mutation } from './mutation.js'
import { mutationsOfPublishing } from './of-publishing.js'
import { mutationsOfRuns } from './of-runs.js'
import { mutationsOfTypes } from './of-types.js'
import { mutationsOfValues } from './of-values.js'

/** In the order of docs/semantics.md's numbers. */
export const mutations: readonly Mutation[] = [
  ...mutationsOfValues,
  ...mutationsOfTypes,
  ...mutationsOfRuns,
  ...mutationsOfPublishing,
].toSorted((a, b) => Number.parseInt(a.rule.slice(1), 10) - Number.parseInt(b.rule.slice(1), 10))
