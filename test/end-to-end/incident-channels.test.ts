/** Whom the watcher tells of an incident, by routes and a real ledger: whoever heard of it hears of its end. */
import { expect, test } from 'vitest'
import { channelsFor, type Routing } from '../../core/alert/index.js'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import { formatInstant } from '../../core/time/instant.js'
import type { Incident, IncidentDraft } from '../../core/watch/index.js'
import { watchedIncidents } from '../../workers/watch-incidents.js'
import { readWatcherState, type WatcherState } from '../../workers/watcher-state.js'
import { ledgerProject } from '../support/ledger-project.js'
import { hour } from '../support/ledger-steps.js'

let ledger: LedgerWriter
ledgerProject((opened) => {
  ledger = opened.ledger
})

const routes: Routing['routes'] = [
  { owner: ['ads'], severity: ['critical'], to: ['oncall', 'ads'] },
  { owner: ['ads'], to: ['ads'] },
  { owner: ['search'], to: ['search'] },
]
const allNames = ['oncall', 'ads', 'search']
const at = (index: number) => formatInstant(hour(index).start)
const draftOf = (over: Partial<IncidentDraft> = {}): IncidentDraft => ({
  ...{ key: 'failed/source orders/X', rule: 'failed', severity: 'warning', view: 'clicks', version: 1, owner: 'ads' },
  ...{ summary: 'it failed', nextStep: 'millcourse runs show r', facts: {}, news: '1', ...over },
})

/** A watcher on duty: `look` and `blindLook` answer what each channel is told, by the channel's name. @param dead takes nothing */
async function onDuty(names: readonly string[] = allNames, dead = '') {
  const log = { info() {}, warn() {}, error() {} }
  const known = routes.map((route) => ({ ...route, to: route.to.filter((name) => names.includes(name)) }))
  const routed = (incident: Incident) => channelsFor({ channels: {}, routes: known, default: [] }, incident)
  const channels = names.map((name) => ({ name }))
  const settings = { escalateAfterMs: null }
  const keep = () => Promise.resolve()
  const incidents = watchedIncidents({ ledger, channels, channelsFor: routed, log }, 'w1', keep, settings)
  await ledger.takeWatch('w1', 60_000)
  let { state } = await readWatcherState('/nowhere')
  /** Every channel but the dead one takes what it is sent. */
  const delivered = (next: WatcherState) => {
    state = { ...next, outbox: next.outbox.filter(({ channel }) => channel === dead) }
    return allNames.map((name) =>
      next.outbox
        .filter(({ channel }) => channel === name)
        .map(({ message }) => message.event)
        .join(' '),
    )
  }
  return {
    look: async (index: number, ...drafts: IncidentDraft[]) =>
      delivered(await incidents.settle(state, { drafts, unsure: [], now: at(index) }, true)),
    blindLook: (index: number, ...drafts: IncidentDraft[]) =>
      delivered(incidents.settleBlind(state, { drafts, unsure: [], now: at(index) })),
  }
}

test('a page that was opened while it was critical is closed although it ends as a warning', async () => {
  const { look } = await onDuty()
  expect(await look(0, draftOf({ severity: 'critical' }))).toEqual(['opened', 'opened', ''])
  expect(await look(1, draftOf())).toEqual(['updated', 'updated', ''])
  expect(await look(2)).toEqual(['resolved', 'resolved', ''])
  // The next one is another incident.
  expect(await look(3, draftOf())).toEqual(['', 'opened', ''])
  expect(await look(4)).toEqual(['', 'resolved', ''])
})

test('however much waits for a channel that takes nothing, the others are told what comes after it', async () => {
  const { look } = await onDuty(allNames, 'search')
  const many = Array.from({ length: 501 }, (_, index) =>
    draftOf({ key: `failed/${index}`, facts: { owners: 'ads, search' } }),
  )
  const [, first] = await look(0, ...many)
  const [, later] = await look(1, ...many)
  expect(`${first} ${later}`.trim().split(' ')).toEqual(many.map(() => 'opened'))
})

test('an owner whose view is well again before the others hears of the end', async () => {
  const { look } = await onDuty()
  const ofSearch = draftOf({ view: 'queries', owner: 'search' })
  expect(await look(0, draftOf(), ofSearch)).toEqual(['', 'opened', 'opened'])
  await look(1, draftOf())
  expect(await look(2)).toEqual(['', 'resolved', 'resolved'])
})

test('of what is silenced nobody hears; and a channel that no file names any more is sent nothing', async () => {
  const { look } = await onDuty()
  await look(0, draftOf())
  const word = { at: at(1), by: 'ann', note: null }
  await ledger.silenceIncident(draftOf().key, { ...word, until: at(9) })
  expect(await look(2, draftOf({ severity: 'critical' }))).toEqual(['', 'silenced', ''])
  expect((await ledger.openIncidents())[0]?.toldTo?.filter((name) => name !== 'log')).toEqual(['ads'])
  await look(3, draftOf())
  expect(await look(4)).toEqual(['', 'resolved', ''])

  const critical = draftOf({ severity: 'critical' })
  expect(await look(10, critical)).toEqual(['opened', 'opened', ''])
  expect(await look(11, critical)).toEqual(['', '', ''])
  const withoutPages = await onDuty(['ads', 'search'])
  expect(await withoutPages.look(12)).toEqual(['', 'resolved', ''])
})

test('what is no news is kept up to date in the ledger, and told to nobody', async () => {
  const { look } = await onDuty()
  expect(await look(0, draftOf())).toEqual(['', 'opened', ''])
  expect(await look(1, draftOf({ summary: 'it failed 3 times', facts: { intervals: 3 } }))).toEqual(['', '', ''])
  expect(await ledger.openIncidents()).toMatchObject([{ summary: 'it failed 3 times', facts: { intervals: 3 } }])
  expect(await look(2, draftOf({ summary: 'it failed 4 times', news: '1 4' }))).toEqual(['', 'updated', ''])
})

test('without the ledger, too: who heard of an outage before hears of its end', async () => {
  const { look, blindLook } = await onDuty()
  const outage = draftOf({
    key: 'scheduler_unreachable',
    rule: 'scheduler_unreachable',
    severity: 'critical',
    view: null,
  })
  const ofBoth = { ...outage, facts: { owners: 'ads, search' } }
  expect(await look(0, ofBoth)).toEqual(['opened', 'opened', 'opened'])
  expect(blindLook(1, { ...outage, severity: 'warning' })).toEqual(['updated', 'updated', 'updated'])
  expect(blindLook(2)).toEqual(['resolved', 'resolved', 'resolved'])
  expect(await look(3)).toEqual(['', '', ''])
  expect(await ledger.openIncidents()).toEqual([])

  expect(blindLook(4, ofBoth)).toEqual(['opened', 'opened', 'opened'])
  blindLook(5, { ...outage, severity: 'warning' })
  expect(blindLook(6)).toEqual(['resolved', 'resolved', 'resolved'])
})
