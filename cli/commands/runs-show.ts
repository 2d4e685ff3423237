import type { CliContext, Report } from '../context.js'
import { gatherRunFacts } from '../run-screen/gather-facts.js'
import { formatRunScreen } from '../run-screen/run-screen.js'
import { findRun } from './run-target.js'

/** One run on one screen: what happened, the first cause, what differs from the last good run, whom it hits, what to do next. */
export async function showRun(context: CliContext, text: string): Promise<Report> {
  const target = await findRun(text, { ledger: await context.ledger(), registry: () => context.registry() })
  const facts = await gatherRunFacts(context, target)
  return { outcome: 'done', data: facts, text: formatRunScreen(facts) }
}
