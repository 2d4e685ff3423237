/**
 * The faulty worker as one file of JavaScript: such workers are started by the dozen, and most of a start from the sources and from the
 * packages' own thousands of files would go into translating, finding and reading them.
 */
import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { builtOnce, suiteFolder } from './built-once.js'

const source = fileURLToPath(new URL('./faulty-worker.ts', import.meta.url))
const packages = fileURLToPath(new URL('../../node_modules', import.meta.url))

/** What loads binaries or files of its own, or is loaded by what does. */
const apart = ['@duckdb/*', '@temporalio/*', 'pino', 'pg-native']

/** Its path. No source map: one that has the packages, too, takes as long to read as they do, and names are kept without. */
export function workerProgram(): Promise<string> {
  return builtOnce('faulty-worker.mjs', async () => {
    // What is imported from packages is looked for beside the program.
    await symlink(packages, join(suiteFolder(), 'node_modules'), 'dir').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    const { outputFiles } = await build({
      ...{ entryPoints: [source], bundle: true, external: apart, write: false },
      ...{ platform: 'node', format: 'esm', target: 'node20' },
      // Of packages that are CommonJS.
      banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)" },
    })
    return outputFiles[0]!.text
  })
}
