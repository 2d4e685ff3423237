/** What is told of a difference with what is online; those with the source are played over real runs (test/workflows/explain-steps.test.ts). */
import { describe, expect, test } from 'vitest'
import { account, hour, sourceOf } from '../../test/reference/generated-history.js'
import { featureView, lookup, type ViewBundle, window } from '../define/index.js'
import { formatInstant } from '../time/instant.js'
import { type CauseInput, explainCauses } from './causes.js'
import type { SourceRow } from './source-row.js'

function bundles(visibility: 'event' | 'created', onGap: 'block' | 'mark' = 'block') {
  const source = sourceOf({ visibility, hasTombstone: true, hasId: true, within: 3n * hour })
  const shared = { version: 1, entity: account, source, since: formatInstant(0n), every: '1h', owner: 'test' } as const
  const rest = { entity: account.definition, source: source.definition, definitionHash: 'x' }
  const latest = featureView('latest', { ...shared, ttl: '5h', features: { amount: lookup() } })
  const recent = featureView('recent', {
    ...shared,
    tile: '1h',
    onGap,
    features: { rows: window.count({ over: '2h' }) },
  })
  return { latest: { ...rest, view: latest.definition }, recent: { ...rest, view: recent.definition } }
}

let rank = 0
const row = (eventAt: bigint, more: Partial<SourceRow> = {}): SourceRow => ({
  ...{ file: 'f', row: ++rank, eventAt, createdAt: eventAt, eventId: null, isDeleted: false, columns: {} },
  ...{ rank, delivery: rank, intervalStart: (eventAt / hour) * hour },
  ...more,
})

function codes(bundle: ViewBundle, input: Partial<CauseInput> & Pick<CauseInput, 'at' | 'answer'>): string[] {
  return explainCauses({
    ...{ bundle, published: undefined, publishedEndAt: 10n * hour, online: null, isExpiredOnline: false, rows: [] },
    ...{ lostFiles: [], isSourceUnreadable: false, unpublished: [], problems: [] },
    standingOf: () => ({ kind: 'committed' }),
    intervalOf: ({ intervalStart }) => ({ start: intervalStart, end: intervalStart + hour }),
    ...input,
  }).map(({ code }) => code)
}
const same = (values: Readonly<Record<string, unknown>>) => ({
  committed: values,
  recomputed: values,
  sourceNow: values,
})
const shown = (values: Readonly<Record<string, unknown>>) => ({ online: values, published: { values, eventAt: null } })
const at = (hours: bigint) => ({ start: hours * hour, end: (hours + 1n) * hour })

describe('of a lookup', () => {
  const { latest } = bundles('event')
  test('nothing where all agree', () => {
    expect(
      codes(latest, { at: 9n * hour, answer: same({ amount: 1n }), ...shown({ amount: 1n }), rows: [row(8n * hour)] }),
    ).toEqual([])
  })
  test('online sees a row of later', () => {
    const rows = [row(hour), row(8n * hour)]
    expect(codes(latest, { at: 2n * hour, answer: same({ amount: 1n }), ...shown({ amount: 2n }), rows })).toEqual([
      'newer-row',
    ])
  })
  test('R16: online sees a row that was not written down by then', () => {
    const rows = [row(hour, { createdAt: 4n * hour })]
    expect(
      codes(bundles('created').latest, {
        at: 2n * hour,
        answer: same({ amount: null }),
        ...shown({ amount: 2n }),
        rows,
      }),
    ).toEqual(['visibility'])
  })
  test('R2: the ttl counts from the asked time, or from now', () => {
    const rows = [row(hour)]
    expect(codes(latest, { at: 9n * hour, answer: same({ amount: null }), ...shown({ amount: 1n }), rows })).toEqual([
      'ttl',
    ])
    expect(
      codes(latest, {
        at: 2n * hour,
        answer: same({ amount: 1n }),
        ...shown({ amount: 1n }),
        rows,
        isExpiredOnline: true,
      }),
    ).toEqual(['ttl'])
  })
  test('R18, R19: a deletion, and a redelivery', () => {
    const gone = [row(hour), row(8n * hour, { isDeleted: true })]
    expect(codes(latest, { at: 2n * hour, answer: same({ amount: 1n }), rows: gone })).toEqual(['newer-row'])
    const again = [row(hour, { eventId: 'x' }), row(8n * hour, { eventId: 'x', createdAt: 9n * hour })]
    const created = bundles('created').latest
    expect(
      codes(created, { at: 2n * hour, answer: same({ amount: 1n }), ...shown({ amount: 2n }), rows: again }),
    ).toContain('redelivered')
  })
  test('R33: a commit that is not published yet; without one the item itself is wrong', () => {
    const differs = {
      at: 9n * hour,
      answer: same({ amount: 2n }),
      published: { values: { amount: 2n }, eventAt: 0n },
      online: { amount: 1n },
    }
    expect(codes(latest, { ...differs, unpublished: [{ interval: at(8n), run: 'r' }] })).toEqual(['unpublished-commit'])
    expect(codes(latest, differs)).toEqual(['online-item'])
    expect(codes(latest, { ...differs, online: null })).toEqual(['online-item'])
  })
  test('an offline view is compared with its source alone', () => {
    const offline = { ...latest, view: { ...latest.view, online: false } }
    expect(codes(offline, { at: hour, answer: same({ amount: 1n }), published: null, publishedEndAt: null })).toEqual(
      [],
    )
  })
})

describe('of a window', () => {
  test('R7: online stands at another end, whose windows another row has passed', () => {
    const { recent } = bundles('event')
    const rows = [row(hour + 1n), row(9n * hour)]
    expect(codes(recent, { at: 2n * hour, answer: same({ rows: 1n }), ...shown({ rows: 2n }), rows })).toEqual([
      'published-end',
      'window-edge',
      'newer-row',
    ])
  })
  test('R32: the end waits for a held interval; where gaps are marked it does not', () => {
    const held = { code: 'interval-held', interval: at(10n), run: 'r' } as const
    const asked = { at: 12n * hour, answer: same({ rows: 1n }), problems: [held] }
    expect(codes(bundles('event').recent, asked)).toEqual(['published-end', 'blocked'])
    expect(codes(bundles('event', 'mark').recent, asked)).toEqual(['published-end'])
  })
  test('nothing published: what is committed and waits', () => {
    const { recent } = bundles('event')
    const waiting = {
      at: hour,
      answer: same({ rows: 1n }),
      published: null,
      publishedEndAt: null,
      unpublished: [{ interval: at(0n), run: 'r' }],
    }
    expect(codes(recent, waiting)).toEqual(['unpublished-commit'])
  })
})
