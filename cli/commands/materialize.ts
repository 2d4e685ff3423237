import { setTimeout as sleep } from 'node:timers/promises'
import { MillcourseError } from '../../core/errors.js'
import type { RunOutcome } from '../../core/plan/interval-state.js'
import type { LedgerReader, ViewKey } from '../../core/ports/ledger.js'
import type { RunControl, TickInput, TickResult } from '../../core/ports/run-control.js'
import { durationToMs } from '../../core/time/duration.js'
import { formatInstant, parseInstant } from '../../core/time/instant.js'
import { fromIsoInterval, type IsoInterval } from '../../core/time/interval.js'
import type { CliContext, Report } from '../context.js'
import { plural } from '../output/words.js'

export interface MaterializeOptions {
  readonly from?: string
  readonly to?: string
  readonly timeout: string
  readonly wait: boolean
}

const runsPerTick = 24
const lookEveryMs = 300
const good: readonly RunOutcome[] = ['done', 'skipped', 'accepted', 'rejected', 'committed']

/**
 * Sweeps over the range, oldest first: each tick starts some of what the ledger lacks or what failed, its runs are waited for, and
 * the next tick looks behind them. So each interval is tried once, whatever becomes of it.
 */
export async function materialize(context: CliContext, name: string, options: MaterializeOptions): Promise<Report> {
  const tickInput = buildTick(context, name, options)
  const timeoutMs = durationToMs(options.timeout)
  const { view } = await (await context.registry()).view(name)
  const runControl = await context.runControl()
  if (!options.wait) return startOnly(await runControl.tick(tickInput), name)

  const work = new Materialization(
    { view: name, version: view.version },
    await context.ledger(),
    runControl,
    tickInput,
    performance.now() + timeoutMs,
    context,
  )
  const isFinished = await work.run()
  return report(name, view.version, work.outcomes, isFinished, timeoutMs)
}

function buildTick(context: CliContext, view: string, { from, to }: MaterializeOptions): TickInput {
  const range = { from: from ?? null, to: to ?? null }
  if (from !== undefined && to !== undefined && parseInstant(from) >= parseInstant(to)) {
    const isEmpty = parseInstant(from) === parseInstant(to)
    const what = isEmpty ? 'is empty' : 'runs backward'
    throw new MillcourseError('PLAN_INTERVAL_INVALID', `the range from ${from} to ${to} ${what}`, {
      hint: isEmpty ? '--to is the end of the last interval, after --from' : 'swap --from and --to',
      facts: { from, to },
    })
  }
  const canonical = (text: string | null) => (text === null ? null : formatInstant(parseInstant(text)))
  return {
    view,
    now: context.pretendedNow,
    kind: 'manual',
    range: { from: canonical(range.from), to: canonical(range.to) },
    runsMax: runsPerTick,
  }
}

class Materialization {
  /** Interval start -> what its newest run ended as. */
  readonly outcomes = new Map<string, RunOutcome>()
  #expected = 0

  constructor(
    private readonly key: ViewKey,
    private readonly ledger: LedgerReader,
    private readonly runControl: RunControl,
    private readonly tickInput: TickInput,
    private readonly untilMs: number,
    private readonly context: CliContext,
  ) {}

  /** False: the time was up, or Ctrl-C, before everything had run. */
  async run(): Promise<boolean> {
    const { range } = this.tickInput
    for (let from = range?.from ?? null, left = 1; left > 0; ) {
      if (!this.#mayGoOn()) return false
      const before = await this.#newestRuns(from)
      const tick = await this.runControl.tick({ ...this.tickInput, range: { from, to: range?.to ?? null } })
      const intervals = [...tick.started.map(({ interval }) => interval), ...tick.joined]
      this.#expected = this.outcomes.size + intervals.length + tick.left
      if (intervals.length > 0) {
        if (!(await this.#waitForRuns(intervals, tick, before))) return false
        from = formatInstant(span(intervals).end)
      }
      left = intervals.length > 0 ? tick.left : 0
    }
    return this.#publishTheRest()
  }

  #mayGoOn(): boolean {
    return !this.context.signal.aborted && performance.now() < this.untilMs
  }

  async #waitForRuns(
    intervals: readonly IsoInterval[],
    tick: TickResult,
    before: Map<string, string>,
  ): Promise<boolean> {
    const started = new Set(tick.started.map(({ interval }) => interval.start))
    const open = new Set(intervals.map(({ start }) => start))
    while (open.size > 0) {
      if (!this.#mayGoOn()) return false
      await sleep(lookEveryMs)
      for (const state of await this.ledger.intervalStates(this.key, span(intervals))) {
        const start = formatInstant(state.interval.start)
        const run = state.latestRun
        if (!open.has(start) || !run || run.outcome === 'running') continue
        // What the ledger shows may still be the run before the one just started.
        if (started.has(start) && before.get(start) === run.runId) continue
        open.delete(start)
        this.outcomes.set(start, run.outcome)
      }
      this.#showProgress()
    }
    return true
  }

  /** R33: runs that did not get the lease left their commits to a publish of another run, or to a tick, which need not start runs. */
  async #publishTheRest(): Promise<boolean> {
    if (this.outcomes.size === 0) return true
    await this.runControl.tick({ ...this.tickInput, runsMax: 0 })
    while (this.#mayGoOn() && (await this.ledger.isPublishOpen(this.key))) {
      this.context.progress.update(`${this.key.view}: publishing`)
      await sleep(lookEveryMs)
    }
    return this.#mayGoOn()
  }

  async #newestRuns(from: string | null): Promise<Map<string, string>> {
    const { view } = await (await this.context.registry()).view(this.key.view)
    const range = {
      start: parseInstant(from ?? view.since),
      end: this.tickInput.range?.to ? parseInstant(this.tickInput.range.to) : this.context.clock.now(),
    }
    if (range.start >= range.end) return new Map()
    const states = await this.ledger.intervalStates(this.key, range)
    return new Map(
      states.flatMap((state) =>
        state.latestRun ? [[formatInstant(state.interval.start), state.latestRun.runId]] : [],
      ),
    )
  }

  #showProgress(): void {
    const counts = [...countOutcomes(this.outcomes)].map(([outcome, count]) => `${count} ${outcome}`).join(', ')
    this.context.progress.update(
      `${this.key.view}: ${this.outcomes.size} of ${this.#expected} intervals${counts === '' ? '' : ` (${counts})`}`,
    )
  }
}

function span(intervals: readonly IsoInterval[]) {
  const sorted = intervals.map(fromIsoInterval).sort((a, b) => (a.start < b.start ? -1 : 1))
  return { start: sorted[0]!.start, end: sorted.at(-1)!.end }
}

function countOutcomes(outcomes: ReadonlyMap<string, RunOutcome>): Map<RunOutcome, number> {
  const counts = new Map<RunOutcome, number>()
  for (const outcome of outcomes.values()) counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  return counts
}

function startOnly(tick: TickResult, view: string): Report {
  const open = tick.started.length + tick.joined.length
  return {
    outcome: 'done',
    data: { view, started: tick.started, joined: tick.joined, left: tick.left },
    text: `${view}: ${plural(open, 'run')} under way, ${plural(tick.left, 'interval')} left for the next tick`,
  }
}

function report(
  view: string,
  version: number,
  outcomes: ReadonlyMap<string, RunOutcome>,
  isFinished: boolean,
  timeoutMs: number,
): Report {
  const counts = Object.fromEntries(countOutcomes(outcomes))
  const sorted = [...outcomes].sort(([a], [b]) => (a < b ? -1 : 1))
  const bad = sorted.filter(([, outcome]) => !good.includes(outcome))
  const isAllBad = isFinished && outcomes.size > 0 && bad.length === outcomes.size
  const head =
    outcomes.size === 0
      ? `${view}: nothing to do`
      : `${view}@v${version}: ${plural(outcomes.size, 'interval')}: ${Object.entries(counts)
          .map(([outcome, count]) => `${count} ${outcome}`)
          .join(', ')}`
  const lines = bad.slice(0, 10).map(([start, outcome]) => `  ${outcome}  millcourse runs show ${view}@${start}`)
  const rest = bad.length > 10 ? [`  and ${bad.length - 10} more: millcourse runs --view ${view}`] : []
  const late = isFinished ? [] : [`stopped waiting after at most ${timeoutMs / 1000} s; runs under way go on`]
  return {
    outcome: isAllBad ? 'failed' : isFinished && bad.length === 0 ? 'done' : 'partly',
    data: {
      view,
      version,
      isFinished,
      counts,
      intervals: sorted.map(([start, outcome]) => ({ start, outcome })),
    },
    text: [head, ...lines, ...rest, ...late].join('\n'),
  }
}
