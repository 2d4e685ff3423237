/** The workflows as one file for the sandbox: built with the package, or bundled from the sources when there is no build. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundleOption } from '@temporalio/worker'

/** Beside the compiled workflows; from the sources there is none, so that what runs is what is written. */
export const builtBundle = fileURLToPath(new URL('../workflows/bundle.cjs', import.meta.url))

/** An import that the sandbox does not have fails here, naming the file. */
export async function buildWorkflowBundle(entry = workflowsEntry()): Promise<string> {
  const { code } = await bundleWorkflowCode({ workflowsPath: entry, logger: new DefaultLogger('WARN') })
  return code
}

export async function workflowBundle(): Promise<WorkflowBundleOption> {
  return existsSync(builtBundle) ? { codePath: builtBundle } : { code: await buildWorkflowBundle() }
}

function workflowsEntry(): string {
  const built = fileURLToPath(new URL('../workflows/index.js', import.meta.url))
  return existsSync(built) ? built : fileURLToPath(new URL('../workflows/index.ts', import.meta.url))
}
