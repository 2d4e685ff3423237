/** Reading online values: which tables, keys, statuses, ages; the same for the command line and the server. */
export {
  assembleVector,
  type FeatureRead,
  type ReadStatus,
  type ViewRead,
  type ViewReadInput,
} from './assemble-vector.js'
export { type ItemsAtEndReader, newItemsAtEndReader, type VectorStore } from './items-at-end.js'
export { instantText, type JsonValue, toJsonValue } from './json-value.js'
export { parseKey } from './parse-key.js'
export { planVector, servedTable, type VectorFeature, type VectorPart, type VectorPlan } from './plan-vector.js'
export { type GivenKey, readVectors, type Vectors } from './read-vectors.js'
export type { Served, ServingDefinitions } from './serving-definitions.js'
