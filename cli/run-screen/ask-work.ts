import { isMillcourseError } from '../../core/errors.js'
import type { RunControl } from '../../core/ports/run-control.js'
import type { CliContext } from '../context.js'
import type { RunWork } from './work-text.js'

/** What a workflow is at. All else is said without Temporal. */
export async function askWork(
  { runControl }: Pick<CliContext, 'runControl'>,
  workflow: Parameters<RunControl['workOf']>[0],
): Promise<RunWork> {
  try {
    return await (await runControl()).workOf(workflow)
  } catch (error) {
    if (isMillcourseError(error)) return { kind: 'unknown', why: error.message }
    throw error
  }
}
