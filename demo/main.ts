/**
 * `npm run demo`: what the product exists for, on real flights and real parts, in one sitting. A feature repo is applied, more
 * than two days are materialized hour by hour under a pretended clock, an hour with lost delays is held and decided on, a late
 * file re-opens its hour, and every online value and a training set are compared with a recomputation from the raw files.
 * Ends non-zero on any difference. `--keep` leaves the stack up.
 */
import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import type { CliContext } from '../cli/context.js'
import { findFlightsFile } from '../cli/init/flights-layout.js'
import { text } from '../cli/init/partition-layout.js'
import { errorText } from '../cli/output/error-text.js'
import { newProgress } from '../cli/output/progress.js'
import type { ViewBundle } from '../core/define/definitions.js'
import { servedTable } from '../core/serve/index.js'
import { formatInstant, type Instant, parseInstant } from '../core/time/instant.js'
import { startDevStack } from '../workers/dev-stack.js'
import { openContext } from '../workers/stack-context.js'
import { type Arrivals, freshRepo, hourNs, prepareArrivals } from './arrivals.js'
import { readRawRows, truthOf } from './recompute.js'
import { verifyOnline, verifyTrainingSet } from './verify.js'

const root = new URL('..', import.meta.url).pathname
const repoDir = join(root, '.cache', 'demo')
const cli = join(root, 'dist', 'cli', 'main.js')
const range = { start: parseInstant('2001-01-01T00:00:00Z'), end: parseInstant('2001-01-03T06:00:00Z') }
const lateHour = parseInstant('2001-01-02T09:00:00Z')
const nullHour = parseInstant('2001-01-02T14:00:00Z')
const hoursPerStep = 6n
const spineRows = 10_000
const sampledRows = 400
const publishedWithinMs = 120_000
const isKept = process.argv.includes('--keep')

const startedMs = performance.now()
const progress = await newProgress({ isJson: false })
const abort = new AbortController()
process.once('SIGINT', () => abort.abort())
process.once('SIGTERM', () => abort.abort())

/** The end of a demo that cannot go on; a sentence is enough. */
class DemoStopped extends Error {}

mkdirSync(join(root, '.cache'), { recursive: true })
process.exitCode = await demo().catch((error: unknown) => {
  progress.end()
  if (abort.signal.aborted) return 130
  progress.line(`\nThe demo stopped: ${error instanceof DemoStopped ? error.message : errorText(error)}`)
  progress.line(`Logs: ${relative(process.cwd(), join(repoDir, '.millcourse', 'logs'))}`)
  return 1
})

async function demo(): Promise<number> {
  const failures: string[] = []
  await freshRepo(join(root, 'feature_repo'), repoDir)
  say('1. The local stack: Temporal, Postgres, dynalite, a folder lake, a worker, a watcher')
  const stack = await startDevStack({
    repoDir,
    // Watched as of the last hour: the real now is 25 years later, and all would be stale.
    now: formatInstant(range.end),
    signal: abort.signal,
    log: (event) => progress.update(`   ${event.text}`),
  })
  const context = await openContext({ repo: repoDir }, abort.signal)
  try {
    for (const [name, where] of Object.entries(stack.stack.addresses)) progress.line(`   ${name.padEnd(12)} ${where}`)
    const arrivals = await prepareArrivals({
      engine: await context.engine(),
      flightsFile: findFlightsFile([root]),
      repoDir,
      range,
      nullHour,
      lateHour,
    })
    say('2. The feature repo is applied; its schedules stay paused, the demo is the clock')
    await show(['apply', '--paused'])
    const views = await appliedViews(context)

    say(
      `3. ${(range.end - range.start) / hourNs} hours of flights arrive, ${views.length} views are materialized hour by hour`,
    )
    await materializeUntil(context, arrivals, views, range.start, nullHour)
    say('4. The next hour lost 40 % of its delays: its run is held, later windows wait for a decision')
    await materializeUntil(context, arrivals, views, nullHour, nullHour + 4n * hourNs)
    const held = `airport_delays@${formatInstant(nullHour)}`
    await show(['--now', formatInstant(nullHour + 4n * hourNs), 'runs', 'show', held])
    failures.push(...(await expectEnd(context, views, 'airport_delays', nullHour, 'while its interval is held')))
    await show([
      '--now',
      formatInstant(nullHour + 4n * hourNs),
      'decide',
      held,
      'accept',
      '--reason',
      'the tower lost its feed; the values are all there is',
    ])
    const caughtUpTo = nullHour + 4n * hourNs
    await untilPublished(context, views, 'airport_delays', caughtUpTo)
    const when = 'after the decision: one publish caught up'
    failures.push(...(await expectEnd(context, views, 'airport_delays', caughtUpTo, when)))
    await materializeUntil(context, arrivals, views, nullHour + 4n * hourNs, range.end)

    say('5. A file for an hour of yesterday arrives late')
    const before = await finishedRuns(context)
    progress.line(`   ${await arrivals.lateFileArrives()}`)
    await tickAll(context, views, range.end)
    const reopened = (await finishedRuns(context)).filter(
      (run) => !before.some((earlier) => earlier.runId === run.runId),
    )
    const starts = [...new Set(reopened.map((run) => formatInstant(run.interval.start)))]
    progress.line(`   re-opened: ${starts.join(', ')}, for ${reopened.map((run) => run.view).join(', ')}`)
    if (starts.join() !== formatInstant(lateHour) || reopened.length !== views.length)
      failures.push(`the late file should re-open ${formatInstant(lateHour)} of each view, and nothing else`)

    failures.push(...(await verify(context, views)))
    report(failures, views.length)
    if (isKept && !abort.signal.aborted) await keep(stack.ended)
  } finally {
    progress.end()
    await context.close()
    await stack.stop()
  }
  return failures.length === 0 ? 0 : 1
}

/** The clock goes on in steps; each step's files arrive, a tick per view starts what the ledger lacks. */
async function materializeUntil(
  context: CliContext,
  arrivals: Arrivals,
  views: readonly ViewBundle[],
  from: Instant,
  to: Instant,
): Promise<void> {
  for (let now = from; now < to; ) {
    now = now + hoursPerStep * hourNs < to ? now + hoursPerStep * hourNs : to
    await arrivals.arriveUntil(now)
    await tickAll(context, views, now)
    const counts = new Map<string, number>()
    for (const { outcome } of await finishedRuns(context)) counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
    const what = [...counts].map(([outcome, count]) => `${count} ${outcome}`).sort()
    progress.end()
    progress.line(`   ${formatInstant(now)}  runs: ${what.join(', ')}`)
  }
}

/** A tick starts runs and ends: the next one joins what is open, so that one with nothing to start or join means that all is done. */
async function tickAll(context: CliContext, views: readonly ViewBundle[], now: Instant): Promise<void> {
  const control = await context.runControl()
  const tick = { now: formatInstant(now), kind: 'scheduled', range: null, runsMax: 24 } as const
  for (let waiting = 1; waiting > 0; ) {
    const ticks = await Promise.all(views.map(({ view }) => control.tick({ ...tick, view: view.name })))
    waiting = ticks.reduce((sum, { started, joined, left }) => sum + started.length + joined.length + left, 0)
    await untilQuiet(context, views, formatInstant(now))
  }
}

/** Waits until no run, decision or publish is under way. */
async function untilQuiet(context: CliContext, views: readonly ViewBundle[], clock = ''): Promise<void> {
  const ledger = await context.ledger()
  for (;;) {
    if (abort.signal.aborted) throw new DemoStopped('interrupted')
    const running = await ledger.runs({ outcomes: ['running'], limit: 500 })
    const waiting = await Promise.all(
      views.map(async ({ view }) => {
        const key = { view: view.name, version: view.version }
        return (await ledger.isPublishOpen(key)) || (await ledger.pendingDecisions(key)).length > 0
      }),
    )
    // In a pipe each would be a line of its own; the step's end is one. What has finished is counted then: here it would be read anew
    // each time, all of it.
    if (process.stderr.isTTY) progress.update(`   ${clock}  ${running.length} runs under way`)
    if (running.length === 0 && !waiting.includes(true)) return
    await new Promise((resolve) => setTimeout(resolve, 150))
  }
}

/** A decision is carried out before its publish begins: nothing is under way in between. Gives up after a while; the end is judged then. */
async function untilPublished(
  context: CliContext,
  views: readonly ViewBundle[],
  name: string,
  end: Instant,
): Promise<void> {
  const until = performance.now() + publishedWithinMs
  while (performance.now() < until && (await publishedEnd(context, views, name)) !== end) {
    if (abort.signal.aborted) throw new DemoStopped('interrupted')
    await new Promise((resolve) => setTimeout(resolve, 150))
  }
  await untilQuiet(context, views)
}

async function publishedEnd(context: CliContext, views: readonly ViewBundle[], name: string): Promise<Instant | null> {
  const { view } = views.find((bundle) => bundle.view.name === name)!
  const published = await (await context.ledger()).lastPublish({ view: name, version: view.version })
  return published?.endAt ?? null
}

async function finishedRuns(context: CliContext) {
  const ledger = await context.ledger()
  return ledger.runs({ outcomes: ['done', 'committed', 'held', 'accepted', 'failed', 'rejected'], limit: 1000 })
}

async function appliedViews(context: CliContext): Promise<ViewBundle[]> {
  const registry = await context.registry()
  const applied = await registry.current()
  return Promise.all((applied?.repo.views ?? []).map((view) => registry.view(view.name, view.version)))
}

async function expectEnd(
  context: CliContext,
  views: readonly ViewBundle[],
  name: string,
  end: Instant,
  when: string,
): Promise<string[]> {
  const published = await publishedEnd(context, views, name)
  const found = published === null ? 'nothing' : formatInstant(published)
  progress.line(`   ${name} is published up to ${found} ${when}`)
  return found === formatInstant(end)
    ? []
    : [`${name} should be published up to ${formatInstant(end)} ${when}, is ${found}`]
}

async function verify(context: CliContext, views: readonly ViewBundle[]): Promise<string[]> {
  say('6. Every online value of every key, against a recomputation from the raw files')
  const engine = await context.engine()
  const raw = await readRawRows(engine, repoDir)
  const truths = views.map((bundle) => ({ bundle, truth: truthOf(bundle, raw) }))
  const differences: string[] = []
  const serving = await (await context.registry()).serving()
  for (const { bundle, truth } of truths) {
    if (process.stderr.isTTY) progress.update(`   ${bundle.view.name}`)
    const table = servedTable(serving, bundle.view)
    const checked = await verifyOnline(await context.online(), bundle, table, truth, range.end)
    progress.line(
      `   ${bundle.view.name.padEnd(16)} ${amount(checked.keys)} keys, ${amount(checked.values)} values, ${checked.differences.length} differences`,
    )
    differences.push(...checked.differences)
  }
  say(`7. A training set for ${amount(spineRows)} flights that sees only what was known when each left`)
  const files = { spine: join(repoDir, 'spine.parquet'), out: join(repoDir, 'training.parquet') }
  await engine.withSession((session) =>
    session.execute({
      sql: `COPY (SELECT date, origin, destination, delay AS label FROM read_parquet(${text(join(repoDir, 'data/flights/*/*/*.parquet'))}, hive_partitioning = false) ORDER BY md5(concat_ws('|', date, origin, destination, delay, distance)) LIMIT ${spineRows}) TO ${text(files.spine)} (FORMAT parquet)`,
    }),
  )
  const features = views.flatMap(({ view }) => view.features.map((feature) => `${view.name}:${feature.name}`)).join(',')
  await show([
    'training-set',
    '--spine',
    files.spine,
    '--event-time',
    'date',
    '--features',
    features,
    '--out',
    files.out,
  ])
  const checked = await verifyTrainingSet(engine, files.out, 'date', truths, sampledRows)
  progress.line(
    `   ${amount(checked.rows)} rows, ${amount(checked.keys)} of them recomputed: ${amount(checked.values)} values, ${checked.differences.length} differences`,
  )
  if (checked.rows !== spineRows)
    differences.push(`the training set has ${checked.rows} rows for ${spineRows} of the spine`)
  return [...differences, ...checked.differences]
}

/** Runs a command of the product as a person would, and shows both. */
async function show(args: readonly string[]): Promise<void> {
  progress.line(
    `   $ millcourse ${args
      .map((arg) => (arg.length > 80 ? `${arg.slice(0, 77)}…` : /[\s;]/.test(arg) ? `"${arg}"` : arg))
      .join(' ')
      .replaceAll(`${repoDir}/`, '')}`,
  )
  const shown = await promisify(execFile)(process.execPath, [cli, '--repo', repoDir, ...args], {
    maxBuffer: 1 << 26,
    signal: abort.signal,
  }).catch((error: Error & { stdout?: string; stderr?: string }) => ({ ...error, error }))
  const isFailed = 'error' in shown
  const printed = isFailed ? `${shown.stdout ?? ''}${shown.stderr ?? ''}` : shown.stdout
  for (const line of printed.trimEnd().split('\n')) progress.line(`     ${line}`.trimEnd())
  if (isFailed) throw new DemoStopped('the command above failed')
}

/** What moved belongs to the step before. */
function say(step: string): void {
  progress.end()
  progress.line(`\n${step}`)
}

function amount(count: number): string {
  return count.toLocaleString('en')
}

function report(failures: readonly string[], views: number): void {
  const seconds = Math.round((performance.now() - startedMs) / 1000)
  progress.line('')
  for (const failure of failures.slice(0, 20)) progress.line(`DIFFERENCE  ${failure}`)
  progress.line(
    failures.length === 0
      ? `All equal: ${views} views, online and training. ${seconds} s.`
      : `${failures.length} difference(s). ${seconds} s.`,
  )
  const repo = relative(process.cwd(), repoDir)
  const now = formatInstant(range.end)
  progress.line(`
Next, ${isKept ? 'in another terminal' : '`npm run demo -- --keep` leaves the stack up for'}:
  npx millcourse --repo ${repo} runs --limit 10
  npx millcourse --repo ${repo} get airport_delays origin=ORD --now ${now}
  npx millcourse --repo ${repo} get delay_model origin=ORD destination=LGA --now ${now}
  npx millcourse --repo ${repo} incidents`)
}

async function keep(ended: Promise<unknown>): Promise<void> {
  progress.line('\nThe stack stays up; Ctrl-C stops it.')
  await Promise.race([ended, new Promise((resolve) => abort.signal.addEventListener('abort', resolve))])
}
