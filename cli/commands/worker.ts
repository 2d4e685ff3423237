import type { CliContext, Report } from '../context.js'

/** Runs workflows and activities until Ctrl-C, SIGTERM, or the end of the process that started it. */
export async function worker(context: CliContext): Promise<Report> {
  await context.runProcess('worker')
  return { outcome: 'done', data: undefined, text: '' }
}
