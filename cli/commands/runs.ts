import { MillcourseError } from '../../core/errors.js'
import type { RunOutcome } from '../../core/plan/interval-state.js'
import type { RunRecord } from '../../core/ports/ledger.js'
import { formatInstant } from '../../core/time/instant.js'
import type { CliContext, Report } from '../context.js'
import { formatTable } from '../output/table.js'
import { formatCount, formatMs, formatSecond } from '../output/words.js'
import { runSummary, whyText } from './run-summary.js'
import { findRun } from './run-target.js'

const outcomes: readonly RunOutcome[] = [
  'running',
  'done',
  'committed',
  'skipped',
  'held',
  'rejected',
  'accepted',
  'failed',
  'not-ready',
  'superseded',
]

/** Lists runs, newest first, a page at a time. @throws MillcourseError REGISTRY_UNKNOWN_VIEW, LEDGER_UNKNOWN_RUN, USAGE */
export async function runs(
  context: CliContext,
  options: {
    readonly view?: string
    readonly outcome?: readonly string[]
    readonly limit: number
    readonly before?: string
  },
): Promise<Report> {
  const wanted = options.outcome?.map(toOutcome)
  const ledger = await context.ledger()
  const before = options.before === undefined ? undefined : await runNamed(context, options.before)
  // One more than is shown says whether there are others.
  const listed = await ledger.runs({
    limit: options.limit + 1,
    ...(before === undefined ? {} : { before }),
    ...(options.view === undefined ? {} : { view: options.view }),
    ...(wanted === undefined ? {} : { outcomes: wanted }),
  })
  const found = listed.slice(0, options.limit)
  const next = listed.length > found.length ? found.at(-1)!.runId : null
  // A view that was taken out keeps its runs; one that has none may never have been.
  if (found.length === 0 && options.view !== undefined) await (await context.registry()).view(options.view)
  return {
    outcome: 'done',
    data: { runs: found.map(runSummary), next },
    text: found.length === 0 ? 'no runs' : `${runTable(found)}${next === null ? '' : `\nolder ones: --before ${next}`}`,
  }
}

/** @throws MillcourseError LEDGER_UNKNOWN_RUN, REGISTRY_UNKNOWN_VIEW, USAGE */
async function runNamed(context: CliContext, text: string): Promise<string> {
  const { run } = await findRun(text, { ledger: await context.ledger(), registry: context.registry })
  if (run) return run.runId
  throw new MillcourseError('LEDGER_UNKNOWN_RUN', `${text} has no run`, { hint: 'millcourse runs lists them' })
}

function toOutcome(text: string): RunOutcome {
  const outcome = outcomes.find((known) => known === text)
  if (outcome) return outcome
  throw new MillcourseError('USAGE', `"${text}" is not an outcome`, { hint: `one of ${outcomes.join(', ')}` })
}

function runTable(found: readonly RunRecord[]): string {
  return formatTable<RunRecord>(
    [
      { title: 'RUN', cell: ({ runId }) => runId.slice(0, 12) },
      { title: 'VIEW', cell: ({ view, version }) => `${view}@v${version}` },
      { title: 'INTERVAL', cell: ({ interval }) => formatInstant(interval.start) },
      { title: 'OUTCOME', cell: ({ outcome }) => outcome },
      { title: 'ROWS', align: 'right', cell: ({ candidate }) => formatCount(candidate?.counts.kept ?? null) },
      { title: 'KEYS', align: 'right', cell: ({ keyCounts }) => formatCount(keyCounts?.published ?? null) },
      { title: 'TOOK', align: 'right', cell: ({ measures }) => (measures ? formatMs(measures.durationMs) : '') },
      { title: 'STARTED', cell: ({ startedAt }) => formatSecond(startedAt) },
      { title: 'WHY', cell: (run) => cut(whyText(run), 80) },
    ],
    found,
  )
}

function cut(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax - 1)}…`
}
