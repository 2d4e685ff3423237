/** The serving API of `millcourse server`. */
export { createServingApp, noRoute, type ServingLimits, type ServingOptions } from './serving-app.js'
