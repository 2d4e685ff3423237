/** Reading online values: keys, statuses, ages. */
export { assembleVector, type ReadStatus, type ViewRead, type ViewReadInput } from './assemble-vector.js'
export { parseKey } from './parse-key.js'
