/** The workflows as one file for the sandbox: built with the package, or bundled from the sources when there is no build. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundleOption } from '@temporalio/worker'
import { MillcourseError } from '../core/errors.js'

/** Beside the compiled workflows; from the sources there is none, so that what runs is what is written. */
export const builtBundle = fileURLToPath(new URL('../workflows/bundle.cjs', import.meta.url))

/** An import that the sandbox does not have fails here, naming the file. */
export async function buildWorkflowBundle(entry = moduleOf('index')): Promise<string> {
  const complaints: string[] = []
  const logger = new DefaultLogger('ERROR', ({ message }) => complaints.push(message))
  try {
    return (
      await bundleWorkflowCode({
        workflowsPath: entry,
        workflowInterceptorModules: [moduleOf('trace-interceptors')],
        logger,
      })
    ).code
  } catch (cause) {
    throw new MillcourseError('INTERNAL', `the workflows cannot be bundled:\n${complaints.join('\n')}`, { cause })
  }
}

export async function workflowBundle(): Promise<WorkflowBundleOption> {
  return existsSync(builtBundle) ? { codePath: builtBundle } : { code: await buildWorkflowBundle() }
}

/** A module of the workflows: compiled, or as it is written. */
function moduleOf(name: string): string {
  const built = fileURLToPath(new URL(`../workflows/${name}.js`, import.meta.url))
  return existsSync(built) ? built : fileURLToPath(new URL(`../workflows/${name}.ts`, import.meta.url))
}
