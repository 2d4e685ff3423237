/** The on-call screen of runs that really ran: ledger, files, footers and profiles are real; publishing is told to the ledger by hand. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SystemClock } from '../../adapters/clock/system-clock.js'
import { incidents } from '../../cli/commands/incidents.js'
import { acknowledgeIncident } from '../../cli/commands/incidents-ack.js'
import { showIncident } from '../../cli/commands/incidents-show.js'
import { silenceIncident } from '../../cli/commands/incidents-silence.js'
import { findRun } from '../../cli/commands/run-target.js'
import type { CliContext } from '../../cli/context.js'
import { gatherRunFacts } from '../../cli/run-screen/gather-facts.js'
import { formatRunScreen } from '../../cli/run-screen/run-screen.js'
import type { FeatureRepo } from '../../core/define/definitions.js'
import { MillcourseError } from '../../core/errors.js'
import type { Lake } from '../../core/ports/lake.js'
import type { RegistryWriter } from '../../core/ports/registry.js'
import { windowReach } from '../../core/publish/index.js'
import { parseDuration } from '../../core/time/duration.js'
import { parseInstant } from '../../core/time/instant.js'
import type { Incident } from '../../core/watch/incident.js'
import { noKeys } from '../support/ledger-steps.js'
import { hourStart, orderFile, orderRows, shopRepo, shopSince } from '../support/shop-repo.js'
import { type StepRig, startStepRig } from '../support/step-rig.js'

const good = (hour: number) => orderRows(hour, 40)
const withoutAmounts = (hour: number) => `SELECT * REPLACE (NULL::DOUBLE AS amount) FROM (${good(hour)})`
const asText = (hour: number) =>
  `SELECT * EXCLUDE (item) REPLACE (amount::VARCHAR AS amount), 1 AS shop FROM (${good(hour)})`

const rejected = (hour: number) =>
  `${good(hour)} UNION ALL SELECT TIMESTAMP '${hourStart(hour).slice(0, -1)}', NULL, 1, 'x' UNION ALL SELECT NULL, 1, 1, 'x'`
const odd: Readonly<Record<number, typeof good>> = { 2: withoutAmounts, 4: rejected }

let rig: StepRig
const ids = new Map<string, string>()

beforeAll(async () => {
  rig = await startStepRig(repo('shop', false))
  for (const hour of [0, 1, 2, 3, 4]) await rig.writeFile(orderFile(hour), (odd[hour] ?? good)(hour))
  for (const hour of [0, 1]) await rig.writeFile(orderFile(hour, 'part-1.parquet'), orderRows(hour, 8, 1))
  await rig.writeFile(orderFile(5), asText(5))
  for (const view of ['spending', 'last_order']) {
    const { due, version } = await rig.tick(view, hourStart(6))
    for (const interval of due) {
      const { runId } = await rig.run({ view, version, interval, kind: 'scheduled', now: hourStart(6) })
      ids.set(`${view}/${interval.start.slice(11, 13)}`, runId)
    }
  }
  // From here on the views are online; the held hour keeps the published end of one at 02:00.
  const applied = repo(rig.deps.settings.project, true)
  await (rig.deps.registry as RegistryWriter).apply(applied, { by: 'test' })
  for (const view of applied.views) {
    const key = { view: view.name, version: 1 }
    const table = `${view.name}_v1`
    const opened = await rig.deps.ledger.openPublish({
      ...{ ...key, table, owner: 'w/1', workflowRunId: 'w', leaseMs: 60_000, window: windowReach(view) },
      firstLoadsMax: 0,
      ...{ since: parseInstant(shopSince), everyNs: parseDuration('1h') },
    })
    if (opened.kind !== 'opened') throw new Error(`the publish is ${opened.kind}`)
    const { sequence, owner } = opened.publish
    await rig.deps.ledger.recordDelta(key, sequence, owner, { path: 'delta', digest: 'd', keys: 1 })
    const end = { keyCounts: noKeys, itemsWritten: 1, tableIdentity: 't', newBase: null }
    expect(await rig.deps.ledger.finishPublish(key, sequence, owner, end)).toBe('ok')
  }
})
afterAll(() => rig?.stop())

function repo(project: string, isOnline: boolean): FeatureRepo {
  const made = shopRepo(project)
  const features = ['orders_1h', 'amount_3h'].map((feature) => ({ view: 'spending', viewVersion: 1, feature }))
  const documented = { owner: 'shop', description: null, tags: {}, at: null }
  return {
    ...made,
    views: made.views.map((view) => ({ ...view, online: isOnline, sla: { freshness: '3h', duration: null } })),
    services: [{ kind: 'service', name: 'shop_model', version: 1, features, ...documented }],
  }
}

/** As the command line would be called, on the rig's parts. */
function contextAt(now: string, lake: Lake = rig.deps.lake): CliContext {
  const { ledger, registry, sources, engine } = rig.deps
  const parts = {
    ...{ ledger: async () => ledger, registry: async () => registry },
    ...{ sources: async () => sources, lake: async () => lake, engine: async () => engine },
    addresses: async () => ({
      ...{ from: 'test', temporal: 'localhost:1', temporalUi: 'http://localhost:8233' },
      ...{ temporalNamespace: 'shop.a2dd6', runbooksUrl: 'https://books.example.com' },
    }),
    clock: new SystemClock(parseInstant(now)),
    givenOptions: ' --repo shop',
    actor: 'ann',
  }
  return parts as unknown as CliContext
}

async function screen(target: string, now = hourStart(6), lake?: Lake) {
  const context = contextAt(now, lake)
  const found = await findRun(target, { ledger: await context.ledger(), registry: () => context.registry() })
  const facts = await gatherRunFacts(context, found)
  const text = formatRunScreen(facts)
  for (const line of text.split('\n').filter((part) => !/^ *(millcourse|temporal)/.test(part)))
    expect(line.length).toBeLessThanOrEqual(120)
  return { facts, lines: stable(text) }
}

/** Without what the machine's clock and the engine's compression decide. */
function stable(text: string): string[] {
  const names = new Map([...ids].map(([name, id]) => [id, name]))
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ(?=,|$)/gm, (at) => (at.startsWith('2001') ? at : 'THEN'))
    .replaceAll(/took [\d.]+ m?s/g, 'took TIME')
    .replaceAll(/[\d.]+ (KiB|B)\b/g, 'SIZE')
    .replaceAll(/run-\d+/g, (id) => `<${names.get(id) ?? id}>`)
    .split('\n')
}

test('a held run says what was wrong, what differs, what waits for it, and the decisions there are', async () => {
  const { lines } = await screen('spending@2001-01-01T02:00:00Z')
  expect(lines).toEqual([
    'spending@v1 [2001-01-01T02:00:00Z, 2001-01-01T03:00:00Z): held',
    '',
    'held by    amount_3h: null rate 1 is above its limit 0.1',
    'run        <spending/02> (scheduled, number 1); started THEN, took TIME',
    'last good  [2001-01-01T01:00:00Z, 2001-01-01T02:00:00Z): <spending/01>, done THEN',
    'since the last good run',
    '  inputs   1 file, SIZE; were 2 files, SIZE; missing date=2001-01-01/hour=02/part-1.parquet',
    '  rows     32 kept, were 39 (-18%)',
    '  schema   the same columns and types',
    '  values   amount: null rate 100% (was 0%), mean none (was 98.1); in amount_3h',
    'rows       read 32 = kept 32 + rejected 0',
    '',
    'services   shop_model (orders_1h, amount_3h)',
    'source     also read by last_order@v1 (done)',
    'owners     shop (this view, source orders, shop_model)',
    'sla        broken since 2001-01-01T05:00:00Z (for 1h): published up to 2001-01-01T02:00:00Z, may be 3h old',
    'blocks     every end before 2001-01-01T09:00:00Z, for as long as this interval is missing; computed and waiting: 2 from',
    '           2001-01-01T03:00:00Z to 2001-01-01T04:00:00Z',
    'temporal   http://localhost:8233/namespaces/shop.a2dd6/workflows/workflow-<spending/02>/<spending/02>/history',
    'runbook    https://books.example.com/held.md',
    '',
    'next       the values are true: commit them:',
    '             millcourse decide <spending/02> accept --reason "the values are true" --repo shop',
    '           the source was corrected: read it again:',
    '             millcourse decide <spending/02> rerun --reason "source corrected" --repo shop',
    '           go on without its rows: commit it as empty:',
    '             millcourse decide <spending/02> reject --reason "the values are wrong" --repo shop',
  ])
})

test('R26: the SLA is told from the published end, to the minute it breaks', async () => {
  expect((await screen('spending@2001-01-01T02:00:00Z', '2001-01-01T04:30:00Z')).facts.sla).toEqual({
    kind: 'holds',
    freshness: '3h',
    reachedAt: '2001-01-01T02:00:00Z',
    until: '2001-01-01T05:00:00Z',
    distance: '30m',
  })
})

test('a failed run says which column of which file, and which view fails of the same', async () => {
  const { facts, lines } = await screen('spending@2001-01-01T05:00:00Z')
  expect(lines.slice(2, 4)).toEqual([
    'broke      the source: what its producer wrote, or did not (step any)',
    'cause      SOURCE_SCHEMA_CHANGED: column "amount" was float64, is VARCHAR in',
  ])
  expect(lines.slice(lines.indexOf('since the last good run'), -5)).toEqual([
    'since the last good run',
    '  inputs   1 file, SIZE; were 1 file, SIZE',
    '  schema   item missing (was VARCHAR), amount DOUBLE -> VARCHAR, shop added (INTEGER) in',
    '           date=2001-01-01/hour=05/part-0.parquet',
    '',
    'services   shop_model (orders_1h, amount_3h)',
    'same cause also fails last_order@v1',
    'owners     shop (this view, source orders, shop_model, last_order)',
    'sla        broken since 2001-01-01T05:00:00Z (for 1h): published up to 2001-01-01T02:00:00Z, may be 3h old',
    'blocks     every end before 2001-01-01T12:00:00Z, for as long as this interval is missing; none of them is computed yet',
    'temporal   http://localhost:8233/namespaces/shop.a2dd6/workflows/workflow-<spending/05>/<spending/05>/history',
    'runbook    https://books.example.com/source_schema_changed.md',
    '',
    'next       let the producer of source "orders" write it as declared, or change the schema and apply it; then the',
  ])
  expect(facts.lastGoodRun?.run).toBe(ids.get('spending/04'))
})

test('a good run', async () => {
  const { facts, lines } = await screen(ids.get('last_order/03') ?? '')
  expect(lines[0]).toBe('last_order@v1 [2001-01-01T03:00:00Z, 2001-01-01T04:00:00Z): done')
  expect(lines).toContain('services   none takes a feature of it')
  expect(lines.at(-1)).toBe('next       nothing to do')
  // R32: older intervals do not block a lookup view, and it blocks none.
  expect(facts.blocks).toEqual({ kind: 'never', waiting: [], until: null })
  expect(facts.sla.kind).toBe('holds')
})

test('rejected rows have reasons, and a file to look at for as long as it is there', async () => {
  const target = 'spending@2001-01-01T04:00:00Z'
  const { facts, lines } = await screen(target)
  const { rejectedRows } = facts.details!
  expect(rejectedRows).toMatchObject({ rows: 2, reasons: { null_key: 1, null_event_time: 1 }, isThere: true })
  const why = '1 with a null in the key, 1 without an event time'
  const at = lines.indexOf(`rejected   ${why}, each with its __reason, SIZE:`)
  expect(lines.slice(at - 1, at + 2)).toEqual([
    'rows       read 34 = kept 32 + rejected 2',
    lines[at],
    `             ${stable(rejectedRows!.uri)[0]}`,
  ])
  const rows = await rig.rowsOf(rejectedRows!.uri)
  expect(rows.map((row) => row.__reason).toSorted()).toEqual(['null_event_time', 'null_key'])

  const { lake, ledger } = rig.deps
  const away = () => Promise.reject(new MillcourseError('LAKE_UNREACHABLE', 'away for a moment'))
  const unasked = await screen(target, hourStart(6), {
    uri: (path: string) => lake.uri(path),
    head: away,
  } as unknown as Lake)
  expect(unasked.facts.details!.rejectedRows).toEqual({ ...rejectedRows, isThere: null })
  await lake.remove((await ledger.run(facts.run!))!.candidate!.quarantine!.path)
  expect((await screen(target)).lines).toContain(
    `rejected   ${why}; their file was removed (MILLCOURSE_KEEP_QUARANTINE)`,
  )
})

test('an interval that never ran', async () => {
  const { facts, lines } = await screen('spending@2001-01-01T06:00:00Z', hourStart(7))
  expect(lines[0]).toBe('spending@v1 [2001-01-01T06:00:00Z, 2001-01-01T07:00:00Z): has never run')
  expect(lines[2]).toBe('last good  [2001-01-01T04:00:00Z, 2001-01-01T05:00:00Z): <spending/04>, done THEN')
  expect(facts.nextSteps[0]?.command).toBe(
    'millcourse materialize spending --from 2001-01-01T06:00:00Z --to 2001-01-01T07:00:00Z --repo shop',
  )
  const early = await screen('spending@2001-01-01T06:00:00Z', '2001-01-01T06:30:00Z')
  expect(early.facts.nextSteps).toEqual([{ why: 'nothing: the interval is not over', command: null }])
})

test('R37: a late file, held: compared by name with the run before of its interval, whose version stays', async () => {
  await rig.writeFile(orderFile(3, 'part-1.parquet'), withoutAmounts(3))
  await rig.writeFile(orderFile(3), orderRows(3, 41))
  const interval = { start: hourStart(3), end: hourStart(4) }
  const before = ids.get('spending/03') ?? ''
  const { runId, outcome } = await rig.run({
    view: 'spending',
    version: 1,
    interval,
    kind: 'manual',
    now: hourStart(6),
  })
  expect(outcome).toBe('held')
  const { facts, lines } = await screen('spending@2001-01-01T03:00:00Z')
  expect(facts).toMatchObject({ run: runId, lastGoodRun: { run: before }, blocks: { kind: 'accepted' } })
  expect(facts.differences).toMatchObject({
    isSameInterval: true,
    rows: { was: 32, is: 65 },
    schema: { comparedWith: 'declaration', read: { was: 0, is: 2 }, changes: [] },
  })
  expect(facts.differences?.files.names).toMatchObject({
    added: [expect.stringMatching('hour=03/part-1.parquet$')],
    removed: [],
    changed: [expect.stringMatching('hour=03/part-0.parquet$')],
  })
  expect(lines).toContain('           go on with the version accepted before:')

  const older = await screen(before)
  expect(older.lines[0]).toBe('spending@v1 [2001-01-01T03:00:00Z, 2001-01-01T04:00:00Z): done, and held since')
  expect(older.facts.nextSteps).toMatchObject([{ command: `millcourse runs show ${runId} --repo shop` }])

  const key = { view: 'spending', version: 1 }
  const decision = { ...key, action: 'reject', runId, reason: 'no', by: 'ann' } as const
  const range = { start: parseInstant(interval.start), end: parseInstant(interval.end) }
  await rig.deps.ledger.recordDecision({ ...decision, interval: range })
  const decided = await screen(runId)
  expect(decided.facts.interval.pendingDecision).toMatchObject({ action: 'reject', by: 'ann' })
  expect(decided.facts.nextSteps.map(({ command }) => command)).toEqual([
    'millcourse runs show spending@v1@2001-01-01T03:00:00Z --repo shop',
    `millcourse decide ${runId} reject --reason "as decided" --repo shop`,
  ])
})

test('incidents: open ones first, the worst of them on top, each with a command that can be pasted', async () => {
  const at = '2001-01-01T06:00:00Z'
  const incident: Incident = {
    ...{ key: 'held/spending@v1', rule: 'held', severity: 'warning', view: 'spending', version: 1, owner: 'shop' },
    ...{ openedAt: at, updatedAt: at, resolvedAt: null, summary: 'spending@v1 was held by its checks' },
    ...{ nextStep: 'millcourse runs show spending@v1@2001-01-01T02:00:00Z', facts: { services: 'shop_model' } },
  }
  await rig.deps.ledger.upsertIncident({ ...incident, key: 'stale/spending@v1', rule: 'stale', severity: 'critical' })
  await rig.deps.ledger.upsertIncident(incident)
  await rig.deps.ledger.upsertIncident({ ...incident, key: 'failed/spending@v1/INTERNAL', rule: 'failed' })
  await rig.deps.ledger.upsertIncident({
    ...incident,
    key: 'failed/spending@v1/INTERNAL',
    rule: 'failed',
    resolvedAt: at,
  })
  const said = async (options: { all?: boolean; limit: number }) =>
    (await incidents(contextAt(at), options)).text.split('\n').filter((line) => line !== '')
  const held = [
    `held (warning) since ${at}, owner shop`,
    '  spending@v1 was held by its checks',
    '  services: shop_model',
    '  next: millcourse runs show spending@v1@2001-01-01T02:00:00Z --repo shop',
    '  runbook: https://books.example.com/held.md',
    '  key: held/spending@v1',
  ]
  const open = await said({ limit: 20 })
  const stale = [
    `stale (critical) since ${at}, owner shop`,
    ...held.slice(1, -2),
    '  runbook: https://books.example.com/stale.md',
    '  key: stale/spending@v1',
  ]
  expect(open).toEqual(['2 open incidents', ...stale, ...held])
  // What is over does not push out what is open.
  const all = await said({ all: true, limit: 1 })
  expect(all.slice(0, 2)).toEqual(open.slice(0, 2))
  expect(all).toContain(`failed (resolved ${at}) since ${at}, owner shop`)

  // In hand, then quiet for a while; the beginning of a key will do, if it is one's alone.
  await acknowledgeIncident(contextAt(at), 'stale/', { note: 'on it' })
  await silenceIncident(contextAt(at), 'stale/spending@v1', { for: '2h', reason: 'known strike', by: 'ben' })
  const { text, data } = await showIncident(contextAt(at), 'stale/spending')
  expect(text).toContain('  silenced until 2001-01-01T08:00:00Z by ben: known strike')
  expect(text).toContain('  next: millcourse runs show spending@v1@2001-01-01T02:00:00Z --repo shop')
  expect((data as { history: { event: string; by: string | null }[] }).history.map(({ event }) => event)).toEqual([
    ...['opened', 'acknowledged', 'silenced'],
  ])
  for (const all of [false, true])
    expect((await said({ all, limit: 1 })).slice(-2)).toContain('1 open incident more: --limit 2')
  const listed = (await incidents({ ...contextAt(at), isJson: true }, { limit: 1 })).data
  expect(listed).toMatchObject({
    open: 2,
    incidents: [
      {
        key: 'stale/spending@v1',
        runbook: 'https://books.example.com/stale.md',
        history: (data as { history: object[] }).history,
      },
    ],
  })
  expect((await said({ limit: 20 }))[1]).toBe(`stale (critical) since ${at}, owner shop`)
  await expect(silenceIncident(contextAt(at), 'stale/', { for: '31d', reason: 'x' })).rejects.toMatchObject({
    code: 'USAGE',
  })
  await expect(acknowledgeIncident(contextAt(at), 'failed/spending@v1/INTERNAL', {})).rejects.toMatchObject({
    code: 'INCIDENT_NOT_OPEN',
  })
  await expect(showIncident(contextAt(at), 'none')).rejects.toMatchObject({ code: 'INCIDENT_UNKNOWN' })
})
