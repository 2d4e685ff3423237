/** `runs show` of each outcome as a person on call reads it. `npm run golden:update` after a change that is meant. */
import { expect, test } from 'vitest'
import { nextSteps, type Situation } from '../../cli/run-screen/next-steps.js'
import type { RunDetails } from '../../cli/run-screen/run-facts.js'
import { formatRunScreen } from '../../cli/run-screen/run-screen.js'
import type { RunOutcome } from '../../core/plan/interval-state.js'
import type { RunError } from '../../core/ports/ledger.js'

const id = '0199a1c4-5e10-7bd2-9c31-4f6f0c6c2a11'
const earlier = '0199a18d-7000-7aa0-8e0d-1b2f6f6c0001'
const folder = 'file:///lake/flights/date=2001-01-02'

const error: RunError = {
  code: 'SOURCE_SCHEMA_CHANGED',
  message: `column "delay" was int32, is VARCHAR in ${folder}/hour=05/part-0.parquet`,
  hint: 'let the producer of source "flights" write it as declared, or change the schema and apply it',
  facts: { source: 'flights', column: 'delay', was: 'int32', is: 'VARCHAR', differences: 1 },
  step: 'read',
  attempts: 1,
}
const unreachable: RunError = {
  code: 'PUBLISH_UNREACHABLE',
  message: 'the online store does not answer: connect ECONNREFUSED 10.0.0.7:443',
  hint: 'see whether the endpoint is up',
  facts: { table: 'demo_airport_delays_v1' },
  step: 'publish',
  attempts: 10,
  triedForMs: 3_725_000,
}

const denied: RunError = {
  ...unreachable,
  code: 'PUBLISH_ACCESS_DENIED',
  message: 'online table demo_airport_delays_v1: access denied',
  hint: 'grant dynamodb:PutItem on the table',
  attempts: 1,
}

function detailsOf(outcome: RunOutcome, change: Partial<RunDetails> = {}): RunDetails {
  return {
    ...{ kind: 'scheduled', number: 2, outcome, rows: null, keysPublished: null, error: null, findings: [], files: [] },
    ...{ startedAt: '2026-11-21T09:05:01.123Z', endedAt: '2026-11-21T09:05:04Z', tookMs: 2877 },
    ...{ counts: null, keyCounts: null, measures: null, spend: null },
    temporal: { workflowId: 'w', runId: id, ui: `http://localhost:8233/namespaces/default/workflows/w/${id}/history` },
    ...change,
  }
}

const computed: Partial<RunDetails> = {
  counts: { read: 1204, kept: 1200, rejected: { null_key: 3, null_event_time: 1 }, outside: 0, replaced: 0 },
}
const rejectedRows: NonNullable<RunDetails['rejectedRows']> = {
  ...{ uri: `s3://lake/demo/quarantine/${id}/1/rejected.parquet`, rows: 4, sizeBytes: 2_300, isThere: true },
  reasons: { null_key: 3, null_event_time: 1 },
}
const range = { start: '2001-01-02T05:00:00Z', end: '2001-01-02T06:00:00Z' }

function situation(details: RunDetails | null, change: Partial<Situation> = {}): Situation {
  return {
    ...{ layer: null, runbook: null },
    ...{ view: 'airport_delays', version: 1, ...range, run: details && id, details },
    interval: {
      ...{ isOver: true, committedRun: null, isPublished: false, reopenedBecause: null, pendingDecision: null },
      latestRun: details && { run: id, outcome: details.outcome },
    },
    lastGoodRun: {
      ...{ run: earlier, view: 'airport_delays', version: 1, kind: 'scheduled', number: 1, outcome: 'done' },
      ...{ start: '2001-01-02T04:00:00Z', end: '2001-01-02T05:00:00Z', startedAt: '2026-11-21T08:05:00Z' },
      ...{ endedAt: '2026-11-21T08:05:03.5Z', rows: 1190, keysPublished: 200, error: null, findings: [] },
    },
    differences: null,
    hits: {
      services: [
        {
          ...{ service: 'delay_model', owner: 'ops-ml', through: [] },
          features: ['delay_avg_24h', 'delay_max_7d', 'flights_24h', 'flights_1h'],
        },
      ],
      builtOn: [],
      owners: [
        { owner: 'ops-ml', of: ['this view', 'delay_model'] },
        { owner: 'flight-data', of: ['source flights'] },
      ],
      views: [other('last_departure'), other('route_traffic')],
    },
    sla: {
      ...{ kind: 'holds', freshness: '3h', reachedAt: '2001-01-02T05:00:00Z' },
      ...{ until: '2001-01-02T08:00:00Z', distance: '1h55m' },
    },
    blocks: { kind: 'blocks', waiting: [], until: '2001-01-09T06:00:00Z' },
    ...{ owners: { view: 'ops-ml', source: 'flight-data' }, lookback: '24h', isNewestVersion: true },
    givenOptions: ' --repo feature_repo',
    ...change,
  }
}

function other(view: string, isSameCause = false) {
  const ran = isSameCause ? { outcome: 'failed', error: error.code } : { outcome: 'done', error: null }
  return {
    view,
    version: 1,
    owner: null,
    isSameSource: true,
    isSameCause,
    ...(ran as { outcome: RunOutcome; error: string | null }),
  }
}

const differs: NonNullable<Situation['differences']> = {
  ...{ comparedWith: earlier, isSameInterval: false, isDefinitionChanged: true, rows: { was: 1190, is: 1200 } },
  files: {
    ...{ was: { files: 3, bytes: 36_000 }, is: { files: 2, bytes: 30_100 } },
    names: { added: [], removed: [`${folder}/hour=05/part-2.parquet`], changed: [] },
  },
  schema: {
    comparedWith: 'last-good-run',
    changes: [
      { column: 'delay', was: 'INTEGER', is: 'VARCHAR', file: `${folder}/hour=05/part-0.parquet`, filesMore: 1 },
      { column: 'gate', was: null, is: 'INTEGER', file: `${folder}/hour=05/part-0.parquet`, filesMore: 1 },
    ],
    ...{ read: { was: 3, is: 2 }, files: { was: 3, is: 2 }, unread: [] },
  },
  profile: [
    {
      ...{ column: 'delay', features: ['delay_avg_24h', 'delay_max_7d'], isShifted: true, deviations: 0.8125 },
      ...{ nullRate: { was: 0.0021, is: 0.4199 }, mean: { was: 8.1234, is: 21.5 } },
    },
  ],
}
const waiting = [6, 7, 8].map((hour) => ({
  start: `2001-01-02T0${hour}:00:00Z`,
  end: `2001-01-02T0${hour + 1}:00:00Z`,
}))
const accepted = (isPublished: boolean, outcome: RunOutcome) => ({
  interval: { ...situation(null).interval, latestRun: { run: id, outcome }, committedRun: id, isPublished },
  blocks: { kind: 'accepted', waiting: [], until: null } as const,
})
const keyCounts = { touched: 210, published: 200, unchanged: 10, superseded: 0, takenBack: 1, rewritten: 0 }

const heldAlone: Partial<RunDetails> = {
  ...{ ...computed, rejectedRows, keyCounts },
  heldFeatures: ['delay_avg_24h', 'delay_max_7d'],
  findings: [
    { code: 'null_rate_above', severity: 'hold-feature', feature: 'delay_avg_24h', observed: 0.4199, limit: 0.2 },
    { code: 'value_above', severity: 'hold-feature', feature: 'delay_max_7d', observed: 4000, limit: 2880 },
    { code: 'rows_above', severity: 'warn', feature: null, observed: 1200, limit: 1000 },
  ],
}

const cases: Readonly<Record<string, Situation>> = {
  done: situation(detailsOf('done', { ...computed, keyCounts }), accepted(true, 'done')),
  'done-by-another': situation(detailsOf('done', { ...computed, error: denied }), accepted(true, 'done')),
  'done-replaced': situation(detailsOf('done', { ...computed, error: denied }), {
    interval: {
      ...accepted(true, 'done').interval,
      ...{ latestRun: { run: `${id}.2`, outcome: 'done' }, committedRun: `${id}.2` },
    },
    blocks: { kind: 'accepted', waiting: [], until: null },
  }),
  'failed-committed': situation(detailsOf('failed', { ...computed, error: denied }), accepted(false, 'failed')),
  committed: situation(
    detailsOf('committed', { ...computed, rejectedRows: { ...rejectedRows, isThere: null } }),
    accepted(false, 'committed'),
  ),
  accepted: situation(
    detailsOf('accepted', { ...computed, rejectedRows: { ...rejectedRows, isThere: false } }),
    accepted(true, 'accepted'),
  ),
  rejected: situation(detailsOf('rejected', computed), accepted(true, 'rejected')),
  skipped: situation(detailsOf('skipped', { number: null }), accepted(true, 'skipped')),
  held: situation(
    detailsOf('held', {
      ...computed,
      findings: [
        { code: 'null_rate_above', severity: 'hold', feature: 'delay_avg_24h', observed: 0.4199, limit: 0.2 },
        { code: 'rows_above', severity: 'warn', feature: null, observed: 1200, limit: 1000 },
      ],
    }),
    {
      runbook: 'docs/runbooks/held.md',
      differences: differs,
      blocks: { kind: 'blocks', waiting, until: '2001-01-09T06:00:00Z' },
      sla: { ...situation(null).sla, kind: 'broken', distance: '4h' },
    },
  ),
  'held-alone': situation(detailsOf('done', heldAlone), {
    ...accepted(true, 'done'),
    interval: { ...accepted(true, 'done').interval, heldFeatures: ['delay_avg_24h', 'delay_max_7d'] },
    runbook: 'docs/runbooks/held.md',
  }),
  'held-alone-accepted': situation(detailsOf('accepted', heldAlone), accepted(true, 'accepted')),
  'held-alone-rejected': situation(detailsOf('done', heldAlone), accepted(true, 'done')),
  failed: situation(detailsOf('failed', { error }), {
    ...{ layer: 'source', runbook: 'https://books.example.com/source_schema_changed.md' },
    differences: { ...differs, rows: null, profile: null, isDefinitionChanged: false },
    hits: { ...situation(null).hits, views: [other('last_departure', true), other('route_traffic')] },
  }),
  'failed-many-files': situation(detailsOf('failed', { error }), {
    differences: {
      ...{ ...differs, rows: null, profile: null, isDefinitionChanged: false },
      files: { was: { files: 61, bytes: 36_000 }, is: { files: 60, bytes: 30_100 }, names: null },
      schema: { ...differs.schema!, changes: [], read: { was: 24, is: 24 }, files: { was: 61, is: 60 } },
    },
  }),
  'failed-passing': situation(detailsOf('failed', { ...computed, error: unreachable }), {
    ...{ layer: 'online', runbook: 'docs/runbooks/publish_unreachable.md' },
    hits: {
      ...situation(null).hits,
      builtOn: [{ view: 'delay_trend', version: 2, owner: 'pricing' }],
      services: [{ service: 'fares', owner: 'pricing', features: [], through: ['delay_trend'] }],
      owners: [...situation(null).hits.owners, { owner: 'pricing', of: ['fares', 'delay_trend'] }],
    },
  }),
  'not-ready': situation(
    detailsOf('not-ready', {
      number: null,
      waitedFor: { because: 'flights/date=2001-01-02/hour=05/_SUCCESS is not there yet', source: 'flights' },
    }),
    { layer: 'source', runbook: 'docs/runbooks/not_ready.md' },
  ),
  'not-ready-below': situation(
    detailsOf('not-ready', {
      number: null,
      waitedFor: {
        because: 'view hourly_delays@v1 has not committed [2001-01-02T04:00:00Z, 2001-01-02T05:00:00Z)',
        ...{ source: 'delays_by_hour', view: 'hourly_delays' },
      },
    }),
    { layer: 'source', runbook: 'docs/runbooks/not_ready.md' },
  ),
  running: situation(
    detailsOf('running', {
      ...{ endedAt: null, tookMs: 65_000 },
      work: {
        ...{ kind: 'step', activity: 'publishInterval', attempt: 4, state: 'at-work', worker: '4711@worker-2' },
        lastFailure: { code: unreachable.code, message: unreachable.message },
      },
    }),
    { runbook: 'docs/runbooks/publish_unreachable.md' },
  ),
  'running-waits': situation(
    detailsOf('running', {
      ...{ number: null, endedAt: null, tookMs: 65_000, work: { kind: 'asleep' } },
      waitedFor: {
        because: 'view hourly_delays@v1 has not committed [2001-01-02T04:00:00Z, 2001-01-02T05:00:00Z)',
        ...{ source: 'delays_by_hour', view: 'hourly_delays' },
      },
    }),
  ),
  'running-unclaimed': situation(
    detailsOf('running', {
      ...{ endedAt: null, tookMs: 65_000 },
      work: {
        ...{ kind: 'step', activity: 'computeInterval', attempt: 1, state: 'unclaimed', worker: null },
        lastFailure: null,
      },
    }),
  ),
  'running-lost': situation(detailsOf('running', { endedAt: null, tookMs: 65_000, work: { kind: 'over' } })),
  superseded: situation(detailsOf('superseded', computed), {
    interval: { ...situation(null).interval, latestRun: { run: `${id}.2`, outcome: 'done' }, committedRun: `${id}.2` },
    blocks: { kind: 'accepted', waiting: [], until: null },
  }),
  'details-removed': situation(
    detailsOf('done', { ...computed, keyCounts, detailsRemovedAt: '2026-11-20T03:00:05.5Z' }),
    { ...accepted(true, 'done'), differences: { ...differs, schema: null, profile: null } },
  ),
  'last-good-details-removed': situation(detailsOf('done', { ...computed, keyCounts }), {
    ...accepted(true, 'done'),
    lastGoodRun: { ...situation(null).lastGoodRun!, detailsRemovedAt: '2026-11-20T03:00:05.5Z' },
    differences: { ...differs, schema: null, profile: null },
  }),
  'never-ran': situation(null, { lastGoodRun: null, sla: { ...situation(null).sla, kind: 'nothing-yet' } }),
  decided: situation(detailsOf('held', computed), {
    interval: {
      ...situation(null).interval,
      latestRun: { run: id, outcome: 'held' },
      pendingDecision: { action: 'accept', run: id, by: 'ann', requestedAt: '2026-11-21T09:10:00Z' },
    },
  }),
  reopened: situation(detailsOf('done', { ...computed, keyCounts }), {
    ...accepted(true, 'done'),
    interval: { ...accepted(true, 'done').interval, reopenedBecause: 'late file hour=05/part-3.parquet' },
    blocks: { kind: 'marks', waiting: [], until: null },
    sla: { kind: 'none', freshness: null, reachedAt: null, until: null, distance: null },
  }),
}

test.each(Object.entries(cases))('%s', async (name, given) => {
  const text = formatRunScreen({ ...given, nextSteps: nextSteps(given) })
  const lines = text.split('\n')
  // One screen: no fold but of what must be copied whole.
  expect(lines.length).toBeLessThanOrEqual(30)
  for (const line of lines.filter((one) => !/^ +millcourse |^temporal /.test(one)))
    expect(line.length).toBeLessThanOrEqual(120)
  await expect(`${text}\n`).toMatchFileSnapshot(`run-screen/${name}.golden.txt`)
})
