import type { CliContext, Report } from '../context.js'

/** Watches the ledger until Ctrl-C, SIGTERM, or the end of the process that started it. */
export async function watcher(context: CliContext): Promise<Report> {
  await context.runProcess('watcher')
  return { outcome: 'done', data: undefined, text: '' }
}
