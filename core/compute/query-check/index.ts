/** What `plan` asks the engine's parser and binder of a query's SQL, and makes of their answers. */
export { checkNames } from './check-names.js'
export { buildOwnDescribeQuery, checkOwn } from './check-own.js'
export { checkShape } from './check-shape.js'
export { buildDescribeQuery, checkTypes } from './check-types.js'
export { type Finding, type Place, placeOf } from './finding.js'
export { type FunctionKind, functionKindsFrom, functionNames } from './function-names.js'
export { buildParseQuery, parsedFrom } from './syntax-tree.js'
