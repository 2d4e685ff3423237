import type { CliContext, Report } from '../context.js'

/** Serves online vectors over HTTP until Ctrl-C, SIGTERM, or the end of the process that started it. */
export async function server(context: CliContext): Promise<Report> {
  await context.runProcess('server')
  return { outcome: 'done', data: undefined, text: '' }
}
