import { MillcourseError } from '../../core/errors.js'
import { type DrillReport, findDrills, paces, type ReportedDrill, reportLine, runDrills } from '../../drill/index.js'
import type { CliContext, Report } from '../context.js'
import { formatTable } from '../output/table.js'

export interface DrillOptions {
  readonly report: string
  readonly staging?: boolean
  readonly canary?: boolean
  readonly withCanaries?: boolean
  readonly atOnce: number
  readonly every: keyof typeof paces
}

export async function drill(context: CliContext, names: readonly string[], options: DrillOptions): Promise<Report> {
  if (names.includes('list')) return listDrills()
  if (options.canary && options.withCanaries)
    throw new MillcourseError('USAGE', '--canary and --with-canaries are two different things', {
      hint: '--canary runs canaries alone, --with-canaries each drill and before it its canary',
    })
  const { progress, signal } = context
  const done = await runDrills({
    names: names.includes('all') ? 'all' : names,
    isStaging: options.staging === true,
    canary: options.canary ? 'alone' : options.withCanaries ? 'before' : 'none',
    atOnce: options.atOnce,
    everyMs: paces[options.every],
    reportDir: options.report,
    environment: process.env,
    signal,
    onStep: (text) => progress.update(text),
    onReport: (report) => progress.line(reportLine(report)),
  })
  return reportOf(done, options.withCanaries === true, signal.aborted)
}

async function listDrills(): Promise<Report> {
  const drills = await findDrills('all')
  const data = drills.map(({ name, injects, undoneBy, alsoHolds = null, expects }) => ({
    ...{ name, injects, alarm: expects.alarm, undoneBy, alsoHolds },
  }))
  return {
    outcome: 'done',
    data: { drills: data },
    text: formatTable(
      [
        { title: 'DRILL', cell: ({ name }) => name },
        { title: 'ALARM', cell: ({ alarm }) => alarm },
        { title: 'INJECTS', cell: ({ injects }) => injects },
      ],
      data,
    ),
  }
}

export function reportOf(done: readonly ReportedDrill[], isBeside: boolean, isInterrupted: boolean): Report {
  const possible = done.filter(({ report }) => report.outcome !== 'not-possible-here')
  const notPossibleHere = done.length - possible.length
  // A canary alone is a drill that fails; beside its drill it has done what it is there for.
  const isBad = ({ outcome, isCanary, isDeafOnly }: DrillReport) =>
    isCanary && isBeside ? !isDeafOnly : outcome === 'failed'
  const failed = possible.filter(({ report }) => isBad(report))
  // Where nothing could be broken nothing is known.
  const hasPassed = failed.length === 0 && possible.length > 0 && !isInterrupted
  return {
    outcome: hasPassed ? 'done' : 'failed',
    data: {
      outcome: hasPassed ? 'passed' : 'failed',
      notPossibleHere,
      drills: done.map(({ report, path }) => ({ ...report, report: `${path}.md` })),
    },
    text: [
      ...done.map(({ report, path }) => `${reportLine(report)}\n  ${path}.md`),
      `${possible.length - failed.length} of ${possible.length} as they have to be${notPossibleHere > 0 ? `, ${notPossibleHere} not possible here` : ''}`,
    ].join('\n'),
  }
}
