/** Every command that a screen, an incident or an alert proposes is one that the shell and the real command line take as it stands. */
import { expect, test } from 'vitest'
import { errorCodes } from '../../core/errors.js'
import type { IntervalState, RunOutcome } from '../../core/plan/interval-state.js'
import { parseInstant } from '../../core/time/instant.js'
import { type CalendarEntry, evaluateView, type ViewObservation } from '../../core/watch/index.js'
import { parses, wordsOf } from '../../test/support/command-words.js'
import { nextSteps, type Situation } from './next-steps.js'
import type { RunDetails } from './run-facts.js'

const entry: CalendarEntry = {
  ...{ view: 'delays', version: 1, source: 'flights', owner: null, services: [], readyDelay: '0s', freshness: '3h' },
  ...{ since: '2001-01-01T00:00:00Z', every: '1h', isOnline: true, canBlock: true },
  firstSeenAt: '2001-01-01T00:00:00Z',
}
const start = parseInstant(entry.since)
const hour = 3_600_000_000_000n

function state(index: bigint, outcome: RunOutcome, errorCode: string | null = null): IntervalState {
  const runId = '0199a1c4-5e10-7bd2-9c31-4f6f0c6c2a11'
  const isCommitted = outcome === 'committed'
  return {
    interval: { start: start + index * hour, end: start + (index + 1n) * hour },
    committed: isCommitted ? { commitId: 1n, runId, number: 1, isEmpty: false, isPublished: false } : null,
    latestRun: { runId, number: 1, outcome, errorCode, inputsHash: null, definitionHash: '' },
    reopenedBecause: null,
    reopens: 0n,
  }
}

const run = { runId: '0199a1c4-5e10-7bd2-9c31-4f6f0c6c2a11', interval: { start, end: start + hour } }
const open = { ...run, outcome: 'running' as const, ageMs: 60_000 }
const warning = { code: 'rows_below', severity: 'warn', feature: null, observed: 1, limit: 2 } as const
const good = { ...run, findings: [warning] }

test('what the watcher proposes, for each of its rules', async () => {
  const look = (
    states: IntervalState[],
    hours: bigint,
    over: Partial<CalendarEntry> = {},
    more: Partial<ViewObservation> = {},
  ) =>
    evaluateView({ ...entry, ...over }, { states, publishedEndAt: null, ...more }, start + hours * hour, {
      graceNs: 1n,
      horizonNs: 1_000n * hour,
    })
  const seenLater = { firstSeenAt: '2001-01-05T00:00:00Z' }
  const drafts = [
    ...look([state(0n, 'failed', 'SOURCE_FILE_CORRUPT'), state(1n, 'held'), state(2n, 'not-ready')], 5n),
    ...look([state(2n, 'committed')], 3n, seenLater),
    ...look(
      [0n, 1n, 2n, 3n].map((index) => state(index, 'running')),
      4n,
    ),
    ...look([state(0n, 'failed', 'SOURCE_SCHEMA_CHANGED')], 3n, {}, { schedule: { kind: 'absent' } }),
    ...look([state(0n, 'running')], 1n, { duration: '1s' }, { open: [open], good }),
  ]
  expect(new Set(drafts.map(({ rule }) => rule))).toEqual(
    new Set([
      ...['failed', 'schema_change', 'held', 'not_ready', 'missing_run', 'skipped', 'slow_run', 'warned'],
      ...['blocked', 'stale'],
    ]),
  )
  for (const { nextStep } of drafts) expect(await parses(nextStep), nextStep).toBe(true)
})

const details: RunDetails = {
  ...{ kind: 'scheduled', number: 1, outcome: 'done', rows: null, keysPublished: null, error: null, findings: [] },
  ...{
    startedAt: '2001-01-01T00:00:00Z',
    endedAt: null,
    tookMs: 0,
    counts: null,
    keyCounts: null,
    measures: null,
    spend: null,
  },
  ...{ files: [], temporal: { workflowId: 'w', runId: 'r', ui: null } },
}

function situation(change: Partial<Situation> & { readonly outcome?: RunOutcome; readonly code?: string }): Situation {
  const { outcome = 'done', code, ...rest } = change
  const error = { message: 'm', hint: 'fix it', facts: {}, step: 'read', attempts: 1 }
  return {
    ...{ view: 'delays', version: 1, start: '2001-01-01T05:00:00Z', end: '2001-01-01T06:00:00Z', run: 'run-1' },
    ...{ layer: null, runbook: null },
    details: { ...details, outcome, error: code === undefined ? null : { ...error, code } },
    interval: {
      ...{ isOver: true, latestRun: { run: 'run-1', outcome }, committedRun: null, isPublished: false },
      ...{ reopenedBecause: null, pendingDecision: null },
    },
    ...{ lastGoodRun: null, differences: null, hits: { services: [], builtOn: [], views: [], owners: [] } },
    sla: { kind: 'none', freshness: null, reachedAt: null, until: null, distance: null },
    blocks: { kind: 'never', waiting: [], until: null },
    ...{ owners: { view: null, source: 'team' }, lookback: '24h', isNewestVersion: true },
    givenOptions: " --repo 'my shop' --now 2001-01-02T00:00:00Z",
    ...rest,
  }
}

const outcomes = [
  'running',
  'done',
  'committed',
  'skipped',
  'held',
  'rejected',
  'accepted',
  'not-ready',
  'superseded',
] as const
const plain = situation({}).interval

test('what the screen of a run proposes, for each outcome, error and state of its interval', async () => {
  const situations = [
    ...outcomes.map((outcome) => situation({ outcome })),
    ...Object.keys(errorCodes).map((code) => situation({ outcome: 'failed', code })),
    ...[true, false].map((isNewestVersion) => {
      const lost = { ...details, outcome: 'running', work: { kind: 'over' } } as const
      return situation({ outcome: 'running', details: lost, isNewestVersion })
    }),
    situation({ run: null, details: null }),
    situation({ interval: { ...plain, reopenedBecause: 'late file' } }),
    ...(['queued', 'running', 'paused', 'cancelling'] as const).map((state) =>
      situation({ run: null, details: null, interval: { ...plain, claimedBy: { backfill: '3f2a', state } } }),
    ),
    situation({ outcome: 'committed', interval: { ...plain, isPublished: false, isOfOpenBackfill: true } }),
    situation({ interval: { ...plain, latestRun: { run: 'run-2', outcome: 'held' } } }),
    ...['run-1', null].map((run) =>
      situation({ interval: { ...plain, pendingDecision: { action: 'reject', run, by: 'ann', requestedAt: 'now' } } }),
    ),
  ]
  const commands = new Set(situations.flatMap((given) => nextSteps(given).flatMap(({ command }) => command ?? [])))
  expect(commands.size).toBeGreaterThan(10)
  for (const command of commands) {
    expect(await parses(command), command).toBe(true)
    expect(wordsOf(command).slice(-4)).toEqual(['--repo', 'my shop', '--now', '2001-01-02T00:00:00Z'])
    const [name, , action] = wordsOf(command)
    if (name === 'decide') expect(['accept', 'reject', 'rerun']).toContain(action)
  }
})

test('a command with a choice in it is none', async () => {
  await expect(parses('millcourse decide delays@2001-01-01T05:00:00Z accept|reject --reason "why"')).rejects.toThrow()
  await expect(parses('millcourse runs shwo run-1')).rejects.toThrow()
})

test('R37: a decision names the run that was looked at, not whatever is held there by then', () => {
  const commands = nextSteps(situation({ outcome: 'held' })).map(({ command }) => command)
  expect(commands.map((command) => command?.split(' ').slice(0, 4).join(' '))).toEqual([
    'millcourse decide run-1 accept',
    'millcourse decide run-1 rerun',
    'millcourse decide run-1 reject',
  ])
})

test('R37: of a rejected run it is said what counts instead, and how it comes back; of a superseded one whose version it is', () => {
  const steps = (outcome: 'rejected' | 'superseded', committedRun: string | null) =>
    nextSteps(situation({ outcome, interval: { ...plain, latestRun: { run: 'run-1', outcome }, committedRun } }))
  const [empty, again] = steps('rejected', 'run-1')
  expect(empty?.why).toMatch(/^nothing: the interval is committed as empty; a tick runs it again if its files change/)
  expect(again?.command).toMatch(/^millcourse decide run-1 rerun --reason /)
  expect(steps('rejected', 'run-0')[0]?.why).toMatch(/^nothing: the version that was accepted before it counts; /)
  const emptied = situation({ outcome: 'held', interval: { ...plain, committedRun: 'run-0', isEmpty: true } })
  expect(nextSteps({ ...emptied, run: 'run-1' }).at(-1)?.why).toBe(
    'go on with the version accepted before, which is empty',
  )
  expect(steps('superseded', null)[0]?.why).toMatch(/planned again with the next tick$/)
  expect(steps('superseded', 'run-0')).toEqual([
    { why: expect.stringMatching(/of another run$/), command: expect.stringMatching(/^millcourse runs show run-0 /) },
  ])
})

test('what waited for a view sends to that view, what waited for files to the owner of their source', () => {
  const waiting = (waitedFor: NonNullable<RunDetails['waitedFor']>) => {
    const given = situation({ outcome: 'not-ready' })
    return nextSteps({ ...given, details: { ...details, outcome: 'not-ready', waitedFor } })
  }
  const [files] = waiting({ because: 'no _SUCCESS', source: 'flights' })
  expect(files).toEqual({ why: 'the next tick looks again; ask team for the files', command: null })
  const below = waiting({ because: 'view hourly@v1 has not committed', source: 'by_hour', view: 'hourly' })
  expect(below.map(({ command }) => wordsOf(command ?? '').slice(0, 4))).toEqual([
    ['runs', '--view', 'hourly', '--repo'],
    ['decide', 'run-1', 'rerun', '--reason'],
    ['decide', 'run-1', 'reject', '--reason'],
  ])
})

test('what ticks leave to a backfill names it, and what has it go on', () => {
  const first = (state: 'running' | 'paused', change: Parameters<typeof situation>[0]) =>
    nextSteps(situation({ ...change, interval: { ...plain, claimedBy: { backfill: '3f2a', state } } }))[0]
  const never = { run: null, details: null }
  expect(first('paused', never)).toMatchObject({
    why: 'ticks leave it to backfill 3f2a, which is paused; have that go on',
    command: expect.stringMatching(/^millcourse backfill resume 3f2a /),
  })
  for (const change of [never, { outcome: 'failed', code: 'COMPUTE_FAILED' }, { outcome: 'not-ready' }] as const)
    expect(first('running', change)?.command).toMatch(/^millcourse backfill status 3f2a /)
  expect(first('running', { outcome: 'done' })?.command).toBeNull()
})

test('R34: what an open backfill has committed is published by that', () => {
  const interval = { ...plain, isPublished: false }
  const first = (of: object) => nextSteps(situation({ outcome: 'committed', interval: { ...interval, ...of } }))[0]
  expect(first({})?.command).toMatch(/^millcourse incidents /)
  expect(first({ isOfOpenBackfill: true })?.command).toMatch(/^millcourse backfill status /)
})

test('R27: what passes by itself is left to the next tick; what does not asks for a person first', () => {
  const first = (code: string) => nextSteps(situation({ outcome: 'failed', code })).map(({ why }) => why)
  expect(first('COMPUTE_SPILL_FULL')).toEqual(['the next tick tries it again; at once'])
  expect(first('PUBLISH_UNREACHABLE')[0]).toBe('see what answers')
  expect(first('SOURCE_SCHEMA_CHANGED')[0]).toBe('fix it')
})
