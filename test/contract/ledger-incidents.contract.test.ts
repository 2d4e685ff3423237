/** Incidents in the ledger: one open per cause, its life, and which of several watchers speaks. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import { formatInstant, type IsoInstant } from '../../core/time/instant.js'
import type { Incident, IncidentEvent } from '../../core/watch/incident.js'
import { isStanding } from '../../core/watch/index.js'
import { ledgerProject } from '../support/ledger-project.js'
import { commit, end, fail, hold, hour, part, pin, publishAll, startOf, view } from '../support/ledger-steps.js'
import type { TestProject } from '../support/postgres.js'

let ledger: LedgerWriter
let project: TestProject
ledgerProject((opened) => {
  project = opened
  ledger = opened.ledger
})

const at = (index: number): IsoInstant => formatInstant(hour(index).start)
const word = (index: number) => ({ at: at(index), by: 'ann', note: 'known strike' })
const incidentOf = (key: string, change: Partial<Incident> = {}): Incident => ({
  ...{ key, rule: 'failed', severity: 'critical', view: view.view, version: 1, owner: 'ops-ml' },
  ...{ openedAt: at(0), updatedAt: at(0), resolvedAt: null, summary: 'it failed', nextStep: 'millcourse runs show r' },
  ...{ facts: { b: 1, a: 'x' }, ...change },
})

/** As the watcher on duty: records a change, and takes what is to be told. */
async function watch(event: IncidentEvent, index: number, change: Partial<Incident> = {}): Promise<IncidentEvent[]> {
  await ledger.takeWatch('w1', 60_000)
  const over = event === 'resolved' ? { resolvedAt: at(index) } : event === 'opened' ? { openedAt: at(index) } : {}
  const incident = incidentOf('failed/x', { updatedAt: at(index), ...over, ...change })
  expect(await ledger.recordChanges('w1', [{ event, incident }], new Map([['failed/x', String(index)]]))).toBe(true)
  return await tell()
}

async function tell(): Promise<IncidentEvent[]> {
  const untold = await ledger.untoldChanges()
  await ledger.changesTold(untold.map(({ changeId }) => changeId))
  return untold.map(({ change }) => change.event)
}

test('what was seen without the ledger is recorded once, whichever watcher brings it', async () => {
  const incident = incidentOf('failed/x')
  expect(await ledger.upsertIncident(incident)).toBe('opened')
  expect(await ledger.upsertIncident({ ...incident, updatedAt: at(1) })).toBe('unchanged')
  expect(await ledger.upsertIncident({ ...incident, summary: 'worse', openedAt: 'later' })).toBe('updated')
  expect(await ledger.openIncidents()).toEqual([{ ...incident, summary: 'worse' }])
  const resolved = { ...incident, resolvedAt: at(2) }
  expect(await ledger.upsertIncident(resolved)).toBe('resolved')
  expect(await ledger.upsertIncident(resolved)).toBe('unchanged')
  expect(await ledger.openIncidents()).toEqual([])
  // The other watcher saw the same outage, a little later and not as long.
  expect(await ledger.upsertIncident({ ...incident, openedAt: at(1) })).toBe('unchanged')
  const again = { ...incident, openedAt: at(3) }
  expect(await ledger.upsertIncident(again)).toBe('opened')
  expect((await ledger.incidentPage({ limit: 9 })).incidents).toEqual([again, resolved])
  expect(await ledger.openIncidents()).toEqual([again])
  expect(await ledger.untoldChanges()).toEqual([])
})

test('two watchers that see one cause at once open it once', async () => {
  const other = project.connectAgain().ledger
  const told = await Promise.all(
    Array.from({ length: 10 }, (_, index) => (index % 2 ? ledger : other).upsertIncident(incidentOf('stale/y'))),
  )
  expect(told.filter((one) => one === 'opened')).toHaveLength(1)
  expect(await ledger.openIncidents()).toHaveLength(1)
})

test('one watcher is on duty until it leaves or lapses, and only it records', async () => {
  const other = project.connectAgain().ledger
  const asked = ['a', 'b', 'c', 'd'].map((owner, index) => (index % 2 ? ledger : other).takeWatch(owner, 60_000))
  const winner = ['a', 'b', 'c', 'd'][(await Promise.all(asked)).indexOf(true)]!
  const loser = winner === 'a' ? 'b' : 'a'
  expect((await Promise.all(asked)).filter((isTaken) => isTaken)).toHaveLength(1)
  expect(await ledger.takeWatch(winner, 1)).toBe(true)
  await sleep(20)
  expect(await ledger.takeWatch(loser, 60_000)).toBe(true)
  const change = { event: 'opened' as const, incident: incidentOf('failed/x') }
  // The one that hung wakes up.
  expect(await ledger.recordChanges(winner, [change], new Map())).toBe(false)
  expect(await ledger.openIncidents()).toEqual([])
  await ledger.leaveWatch(winner)
  expect(await ledger.takeWatch(winner, 60_000)).toBe(false)
  await ledger.leaveWatch(loser)
  expect(await ledger.takeWatch(winner, 60_000)).toBe(true)
})

test('what is recorded waits until it is said to be told, and nothing opens twice', async () => {
  await ledger.takeWatch('w1', 60_000)
  const opened = { event: 'opened' as const, incident: incidentOf('failed/x') }
  await ledger.recordChanges('w1', [opened, opened], new Map([['failed/x', 'run-1']]))
  const untold = await ledger.untoldChanges()
  expect(untold).toMatchObject([{ change: opened }])
  expect(await ledger.untoldChanges()).toEqual(untold)
  expect(await ledger.untoldChanges(untold.map(({ changeId }) => changeId))).toEqual([])
  await ledger.changesTold(untold.map(({ changeId }) => changeId))
  expect(await ledger.untoldChanges()).toEqual([])
  expect(await ledger.watchedIncidents()).toEqual([{ ...opened.incident, news: 'run-1' }])
})

test('a change of a restored ledger is not taken for the one that had its id before', async () => {
  await ledger.takeWatch('w1', 60_000)
  await ledger.recordChanges('w1', [{ event: 'opened', incident: incidentOf('failed/x') }], new Map())
  const [{ changeId } = { changeId: '' }] = await ledger.untoldChanges()
  const [id] = changeId.split('@')
  const lost = `${id}@2001-01-01T00:00:59Z`
  expect(await ledger.untoldChanges([lost])).toMatchObject([{ changeId }])
  await ledger.changesTold([lost])
  expect(await ledger.untoldChanges()).toMatchObject([{ changeId }])
  // As a watcher of the release before has kept it.
  expect(await ledger.untoldChanges([id!])).toEqual([])
  await ledger.changesTold([id!])
  expect(await ledger.untoldChanges()).toEqual([])
})

test('a word of a person is told, audited, and outlives what the watcher read before it', async () => {
  expect(await watch('opened', 0)).toEqual(['opened'])
  expect(await ledger.acknowledgeIncident('failed/x', word(1))).toMatchObject({ acknowledged: { by: 'ann' } })
  expect(await tell()).toEqual(['acknowledged'])
  expect(await watch('updated', 2, { summary: 'worse' })).toEqual(['updated'])
  expect(await watch('escalated', 2)).toEqual([])
  expect(await ledger.openIncidents()).toMatchObject([{ summary: 'worse', acknowledged: word(1) }])
  const audits = await project.client.query((db) =>
    db.selectFrom('audit').select(['acted_by', 'action', 'subject', 'reason']).execute(),
  )
  expect(audits).toEqual([
    { acted_by: 'ann', action: 'incident acknowledged', subject: 'failed/x', reason: 'known strike' },
  ])
  await watch('resolved', 3)
  await expect(ledger.acknowledgeIncident('failed/x', word(4))).rejects.toMatchObject({ code: 'INCIDENT_NOT_OPEN' })
  await expect(ledger.silenceIncident('failed/z', { ...word(4), until: at(5) })).rejects.toMatchObject({
    code: 'INCIDENT_UNKNOWN',
  })
})

test('an open incident is reworded without an event, by the watcher on duty, and keeps what people and channels have of it', async () => {
  await watch('opened', 0, { toldTo: ['log', 'ads'] })
  await ledger.acknowledgeIncident('failed/x', word(1))
  await tell()
  const read = incidentOf('failed/x', { summary: '12 by now', facts: { intervals: 12 }, severity: 'warning' })
  await ledger.rewordIncidents('another watcher', [read])
  expect(await ledger.openIncidents()).toMatchObject([{ summary: 'it failed' }])
  await ledger.rewordIncidents('w1', [read, incidentOf('failed/not open')])
  await ledger.rewordIncidents('w1', [])
  expect(await ledger.watchedIncidents()).toEqual([
    {
      ...incidentOf('failed/x', { summary: '12 by now', facts: { intervals: 12 }, updatedAt: at(1) }),
      ...{ acknowledged: word(1), toldTo: ['log', 'ads'], news: '0' },
    },
  ])
  expect(await ledger.untoldChanges()).toEqual([])
  expect((await ledger.incidentLife('failed/x'))?.history.map(({ event }) => event)).toEqual(['opened', 'acknowledged'])
  expect(await ledger.openIncidents()).toHaveLength(1)
})

test('a silence is told, keeps the rest back, and closes what was opened; a cause that comes back in it is quiet', async () => {
  await watch('opened', 0)
  await ledger.silenceIncident('failed/x', { ...word(1), until: at(6) })
  expect(await tell()).toEqual(['silenced'])
  expect(await watch('updated', 2)).toEqual([])
  expect(await watch('resolved', 3)).toEqual(['resolved'])
  expect(await watch('opened', 4)).toEqual([])
  // Nobody heard of this one.
  expect(await watch('resolved', 5)).toEqual([])
  expect(await watch('opened', 5)).toEqual([])
  expect(await watch('silence_ended', 6, { silenced: null })).toEqual(['silence_ended'])
  expect(await watch('updated', 6)).toEqual(['updated'])
  const life = await ledger.incidentLife('failed/x')
  expect(life?.incident).toMatchObject({ resolvedAt: null, silenced: null })
  expect(life?.history.map(({ event, at: when, by, told }) => [event, when, by, told === 'quiet'])).toEqual([
    ['opened', at(5), null, true],
    ['silence_ended', at(6), null, false],
    ['updated', at(6), null, false],
  ])
  expect(await ledger.incidentLife('failed/z')).toBeNull()
})

test('a silence that was made longer does not end at its former time', async () => {
  await watch('opened', 0)
  await ledger.silenceIncident('failed/x', { ...word(1), until: at(2) })
  await ledger.silenceIncident('failed/x', { ...word(1), until: at(5) })
  expect(await tell()).toEqual(['silenced', 'silenced'])
  expect(await watch('silence_ended', 2, { silenced: null })).toEqual([])
  expect((await ledger.openIncidents())[0]?.silenced).toMatchObject({ until: at(5) })
})

test('open runs have their age since they were planned, or held; the pace is that of the newest runs that ended', async () => {
  await pin(ledger, 'slow', 0)
  await ledger.startRun(startOf('waits for its source', 1))
  await pin(ledger, 'held', 2)
  await end(ledger, 'held', 'held')
  await commit(ledger, 'good', 3)
  await end(ledger, 'good', 'done')
  await sleep(20)
  const open = await ledger.openRuns()
  expect(open.map(({ runId, outcome }) => [runId, outcome])).toEqual([
    ['slow', 'running'],
    ['held', 'held'],
  ])
  for (const { ageMs } of open) expect(ageMs).toBeGreaterThanOrEqual(20)
  expect(await ledger.runPaces([view, { view: 'none', version: 1 }])).toEqual([
    { ...view, runs: 2, p95Ms: expect.any(Number) },
    { view: 'none', version: 1, runs: 0, p95Ms: null },
  ])
  expect(await ledger.goodRuns([view, { view: 'none', version: 1 }])).toEqual([
    { ...view, runId: 'good', interval: hour(3), findings: [] },
  ])
  expect([await ledger.runPaces([]), await ledger.goodRuns([])]).toEqual([[], []])
})

test('an interval that is tried again has the run that ended last beside the one under way', async () => {
  const endedRun = async () => (await ledger.intervalStates(view, hour(0)))[0]?.endedRun
  await commit(ledger, 'good', 0)
  await fail(ledger, 'failed', 0)
  expect(await endedRun()).toBeUndefined()
  const nothing = { error: null, keyCounts: null, measures: null }
  await ledger.startRun(startOf('nothing to do', 0))
  await ledger.endRun('nothing to do', { outcome: 'skipped', ...nothing })
  await ledger.startRun(startOf('lost with its worker', 0))
  await ledger.startRun(startOf('again', 0))
  expect(await endedRun()).toEqual({ runId: 'failed', outcome: 'failed', errorCode: 'SOURCE_FILE_CORRUPT' })
  expect(await ledger.unsettledIntervals(view, hour(0))).toEqual(await ledger.intervalStates(view, hour(0)))
  await ledger.endRun('again', { outcome: 'not-ready', ...nothing })
  expect(await endedRun()).toBeUndefined()
  await ledger.startRun(startOf('first of its hour', 1))
  expect((await ledger.intervalStates(view, hour(1)))[0]).not.toHaveProperty('endedRun')
})

test('of old intervals those stand of which something is still to be done', async () => {
  const nothing = { error: null, keyCounts: null, measures: null }
  await commit(ledger, 'good', 0)
  await fail(ledger, 'failed', 1)
  await hold(ledger, 'held', 2)
  await commit(ledger, 'good, then held', 3)
  await hold(ledger, 'held again', 3)
  await commit(ledger, 're-opened', 4)
  await ledger.reopenIntervals(view, [hour(4)], 'a late file')
  await fail(ledger, 'failed once', 5)
  await commit(ledger, 'good at last', 5)
  await ledger.startRun(startOf('waits', 6))
  await ledger.endRun('waits', { outcome: 'not-ready', ...nothing })
  await commit(ledger, 'good before', 7)
  await ledger.startRun(startOf('under way', 7))
  await pin(ledger, 'without a feature', 8)
  await ledger.commitRun({ runId: 'without a feature', data: part('x'), supersedes: null, heldFeatures: ['avg'] })
  await end(ledger, 'without a feature', 'committed')
  await fail(ledger, 'later', 9)
  await ledger.startRun({ ...startOf('of another', 1), view: 'another' })

  const range = { start: hour(0).start, end: hour(9).end - 1n }
  const standing = await ledger.standingIntervals(view, range)
  const all = await ledger.intervalStates(view, { ...range, end: hour(9).start })
  expect(standing).toEqual(all.filter(isStanding))
  expect(standing.map(({ interval }) => interval)).toEqual([1, 2, 3, 4, 6, 7, 8].map(hour))
  expect(await ledger.standingIntervals(view, { start: hour(0).start, end: hour(1).start })).toEqual([])
})

test('incidents are listed a page at a time, newest first, to the oldest', async () => {
  for (const key of ['a', 'b', 'c', 'd', 'e']) await ledger.upsertIncident(incidentOf(key))
  await ledger.upsertIncident(incidentOf('d', { resolvedAt: at(1) }))
  const pages: string[][] = []
  for (let before: string | null | undefined; before !== null; ) {
    const page = await ledger.incidentPage({ limit: 2, ...(before === undefined ? {} : { before }) })
    pages.push(page.incidents.map(({ key }) => key))
    before = page.next
  }
  expect(pages).toEqual([['e', 'd'], ['c', 'b'], ['a']])
})

test('a view’s mark changes with all that the watcher reads of its intervals, and with nothing else', async () => {
  const mark = async () => (await ledger.watchMarks([view]))[0]!.mark
  const marks = [await mark()]
  const nothing = { error: null, keyCounts: null, measures: null }
  const reject = async (runId: string, index: number) => {
    const decision = {
      ...view,
      action: 'reject',
      interval: hour(index),
      runId,
      reason: 'none comes',
      by: 'ann',
    } as const
    await ledger.applyDecision((await ledger.recordDecision(decision)).decisionId, null)
  }
  const changes = [
    // Not planned yet: what waits for its source may end without a number.
    () => ledger.startRun(startOf('waits', 3)),
    () => ledger.endRun('waits', { outcome: 'not-ready', ...nothing }),
    () => hold(ledger, 'held', 4),
    () => ledger.endRun('held', { outcome: 'rejected', ...nothing }),
    () => commit(ledger, 'good', 0),
    () => ledger.reopenIntervals(view, [hour(0)], 'a late file'),
    () => ledger.reopenIntervals(view, [hour(0)], 'a late file'),
    () => publishAll(ledger, 'p1'),
    () => fail(ledger, 'failed', 0),
    // R37: the accepted version stays.
    () => reject('failed', 0),
    () => ledger.askRebuild(view, 0n),
  ]
  for (const change of changes) {
    await change()
    marks.push(await mark())
  }
  expect(new Set(marks).size).toBe(changes.length + 1)
  await ledger.startRun({ ...startOf('another', 1), view: 'another' })
  expect(await mark()).toBe(marks.at(-1))
  expect(await ledger.watchMarks([])).toEqual([])
})
