import type { CliContext, Report } from '../context.js'

export async function init(_context: CliContext, directory: string): Promise<Report> {
  return { outcome: 'failed', data: { directory }, text: '' }
}
