import type { RunRecord } from '../../core/ports/ledger.js'
import { formatInstant } from '../../core/time/instant.js'
import { formatInterval } from '../../core/time/interval.js'
import type { CliContext, Report } from '../context.js'
import { formatFinding } from '../output/finding-text.js'
import { formatBytes, formatCount, formatMs, formatSecond, plural } from '../output/words.js'
import { runSummary } from './run-summary.js'
import { findRun } from './run-target.js'

/** One run on one screen: what happened, the first cause, what to do next. */
export async function showRun(context: CliContext, text: string): Promise<Report> {
  const ledger = await context.ledger()
  const { key, interval, run } = await findRun(text, { ledger, registry: () => context.registry() })
  const { temporalUi } = await context.addresses()
  if (!run) {
    const what = `${key.view}@v${key.version} ${formatInterval(interval)} has never run`
    return { outcome: 'done', data: { run: null, view: key.view, version: key.version }, text: what }
  }
  const lastGood = await ledger.lastGoodRun(key, { interval, runId: run.runId })
  const nextStep = nextStepOf(run)
  const link = temporalUi === null ? null : temporalLink(temporalUi, run)
  return {
    outcome: 'done',
    data: {
      ...runSummary(run),
      counts: run.candidate?.counts ?? null,
      keyCounts: run.keyCounts,
      measures: run.measures,
      files: run.pins?.files ?? [],
      lastGoodRun: lastGood ? runSummary(lastGood) : null,
      nextStep,
      temporal: { workflowId: run.workflowId, runId: run.temporalRunId, ui: link },
    },
    text: [
      ...headLines(run),
      ...causeLines(run),
      ...inputLines(run, lastGood),
      ...factLines(run, link),
      `next       ${nextStep}`,
    ].join('\n'),
  }
}

function headLines(run: RunRecord): string[] {
  const took = run.measures ? `, took ${formatMs(run.measures.durationMs)}` : ''
  return [
    `${run.view}@v${run.version} ${formatInterval(run.interval)}: ${run.outcome}`,
    '',
    `run        ${run.runId}${run.number === null ? '' : ` (number ${run.number} of its interval)`}, ${run.kind}`,
    `started    ${formatSecond(run.startedAt)}${took}`,
  ]
}

function causeLines(run: RunRecord): string[] {
  if (run.error) {
    const { code, message, step, attempts, facts } = run.error
    const where = Object.entries(facts).map(([name, value]) => `           ${name}: ${value}`)
    return [`cause      ${code} in ${step}: ${message} (${plural(attempts, 'attempt')})`, ...where]
  }
  return (run.verdict?.findings ?? []).map((finding) => `${finding.severity.padEnd(10)} ${formatFinding(finding)}`)
}

function inputLines(run: RunRecord, lastGood: RunRecord | null): string[] {
  const files = run.pins?.files.filter(({ role }) => role === 'own') ?? []
  const bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  return [
    ...(run.pins ? [`inputs     ${plural(files.length, 'file')}, ${formatBytes(bytes)}`] : []),
    ...(lastGood ? [`last good  ${lastGood.runId} ${formatInstant(lastGood.interval.start)}`] : ['last good  none']),
  ]
}

function factLines(run: RunRecord, link: string | null): string[] {
  const counts = run.candidate?.counts
  const keys = run.keyCounts
  const rejected = counts ? Object.values(counts.rejected).reduce((sum, count) => sum + count, 0) : 0
  return [
    ...(counts
      ? [
          `rows       read ${formatCount(counts.read)} = kept ${formatCount(counts.kept)} + rejected ${formatCount(rejected)}`,
        ]
      : []),
    ...(keys
      ? [
          `keys       touched ${formatCount(keys.touched)} = published ${formatCount(keys.published)} + unchanged ${formatCount(keys.unchanged)} + superseded ${formatCount(keys.superseded)}; taken back ${formatCount(keys.takenBack)}`,
        ]
      : []),
    ...(link ? [`temporal   ${link}`] : []),
  ]
}

/** The exact next command. */
export function nextStepOf(run: RunRecord): string {
  const target = `${run.view}@${formatInstant(run.interval.start)}`
  switch (run.outcome) {
    case 'held':
      return `millcourse decide ${target} accept|reject|rerun --reason "…"`
    case 'failed':
      return `${run.error?.hint ? `${run.error.hint}; then ` : ''}millcourse decide ${target} rerun --reason "…"`
    case 'not-ready':
      return `the next tick looks again; without the data: millcourse decide ${target} reject --reason "…"`
    case 'running':
      return `wait, or watch it: millcourse runs --view ${run.view}`
    case 'committed':
      return 'nothing: the next publish carries it online (millcourse incidents says what blocks it)'
    default:
      return 'nothing'
  }
}

function temporalLink(ui: string, run: RunRecord): string {
  return `${ui}/namespaces/default/workflows/${encodeURIComponent(run.workflowId)}/${run.temporalRunId}/history`
}
