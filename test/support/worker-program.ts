/**
 * The faulty worker as one file of JavaScript: such workers are started by the dozen, and most of a start from the sources would go
 * into translating and finding three hundred of them.
 */
import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { builtOnce, suiteFolder } from './built-once.js'

const source = fileURLToPath(new URL('./faulty-worker.ts', import.meta.url))
const packages = fileURLToPath(new URL('../../node_modules', import.meta.url))

/** Its path. */
export function workerProgram(): Promise<string> {
  return builtOnce('faulty-worker.mjs', async () => {
    // What is imported from packages is looked for beside the program.
    await symlink(packages, join(suiteFolder(), 'node_modules'), 'dir').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    const { outputFiles } = await build({
      ...{ entryPoints: [source], bundle: true, packages: 'external', write: false },
      ...{ platform: 'node', format: 'esm', target: 'node20', sourcemap: 'inline' },
    })
    return outputFiles[0]!.text
  })
}
