import { MillcourseError } from '../../core/errors.js'
import { driftAsked, type Replay, replayChecks } from '../../core/judge/index.js'
import { parseDuration } from '../../core/time/duration.js'
import { formatInstant } from '../../core/time/instant.js'
import { type Interval, toIsoInterval } from '../../core/time/interval.js'
import type { CliContext, Report } from '../context.js'
import { formatFinding } from '../output/finding-text.js'
import { formatTable } from '../output/table.js'
import { plural } from '../output/words.js'
import {
  askedTimes,
  profilesRemoved,
  readGood,
  readLatest,
  removedText,
  withProfile,
} from '../quality-screen/past-profiles.js'
import { askedChecks } from './asked-checks.js'

export interface QualityReplayOptions {
  readonly check: readonly string[]
  readonly from?: string
  readonly to?: string
}

const defaultDays = 28n
const shownMax = 20

/** How often limits would have fired, of what runs have shown, before they are switched on. */
export async function qualityReplay(context: CliContext, name: string, options: QualityReplayOptions): Promise<Report> {
  if (options.check.length === 0)
    throw new MillcourseError('USAGE', 'no limit to try', { hint: "--check 'FEATURE.nullRateMax=0.1'" })
  const { view } = await (await context.registry()).view(name)
  const checks = askedChecks(view, options.check)
  const ledger = await context.ledger()
  const range = await askedTimes(ledger, options, view, defaultDays)
  const key = { view: view.name, version: view.version }
  const asked = driftAsked(checks)
  const everyNs = parseDuration(view.every)
  const runs = await readLatest(ledger, key, range, asked.sketches)
  const [latest, removed] = [withProfile(runs), profilesRemoved(runs)]
  const good = asked.any ? await readGood(ledger, key, range, everyNs, asked.sketches) : []
  const replay = replayChecks(checks, everyNs, latest, good)
  return {
    outcome: 'done',
    data: {
      ...key,
      ...toIsoInterval(range),
      checks: options.check,
      ...{ judged: replay.judged, unjudged: replay.unjudged },
      ...(removed > 0 ? { profilesRemoved: removed } : {}),
      fired: replay.fired.map(({ run, findings }) => ({
        ...{ run: run.runId, ...toIsoInterval(run.interval), outcome: run.outcome, findings },
      })),
    },
    text: [replayText(options.check, range, replay), ...removedText(removed)].join('\n'),
  }
}

function replayText(checks: readonly string[], range: Interval, { judged, unjudged, fired }: Replay): string {
  const share = judged === 0 ? '' : ` (${((fired.length / judged) * 100).toFixed(1)} %)`
  const { start, end } = toIsoInterval(range)
  const rest =
    unjudged === 0 ? '' : `\n${plural(unjudged, 'more run')} could not be judged: too little history, or too few values`
  const first = `${checks.join(', ')}: would have fired in ${fired.length} of ${plural(judged, 'run')}${share} from ${start} to ${end}${rest}`
  if (fired.length === 0) return first
  const shown = fired.slice(-shownMax)
  const left = fired.length - shown.length
  const table = formatTable<Replay['fired'][number]>(
    [
      { title: 'INTERVAL', cell: ({ run }) => formatInstant(run.interval.start) },
      { title: 'RUN', cell: ({ run }) => run.runId.slice(0, 12) },
      { title: 'IN FACT', cell: ({ run }) => run.outcome },
      { title: 'WHY', cell: ({ findings }) => findings.map(formatFinding).join('; ') },
    ],
    shown,
  )
  return `${first}\n\n${left > 0 ? `the last ${shown.length}, ${left} more before them (--json):\n` : ''}${table}`
}
