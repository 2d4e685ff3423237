/** The last step of `npm run build`. */
import { writeFileSync } from 'node:fs'
import { buildCommandBundle } from './command-bundle.js'
import { buildWorkflowBundle, builtBundle } from './workflow-bundle.js'

writeFileSync(builtBundle, await buildWorkflowBundle())
await buildCommandBundle()
