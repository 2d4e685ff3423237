import type { Trace } from './search.js'
import type { Event } from './world.js'

const run = (id: string, times: number): Event[] => Array.from({ length: times }, () => ({ type: 'run', run: id }))
const publish = (owner: string, times: number): Event[] =>
  Array.from({ length: times }, () => ({ type: 'publish', owner }))

/**
 * Too rare for the search: a backfill's publish (w1) records a delta and sleeps; its file is lost; another backfill takes the key
 * back in a commit that the scheduled publish (w2) does not cover. "All keys" has to hold that key too, or w1 writes it when it
 * wakes and nobody ever looks at it again.
 */
export const uncoveredKeysTrace: Trace = {
  seed: 0,
  view: { kind: 'lookup' },
  firstLoadsMax: 0,
  events: [
    { type: 'files', interval: 0, rows: [{ key: 'a', at: 0, value: 1 }] },
    { type: 'files', interval: 1, rows: [{ key: 'b', at: 10, value: 1 }] },
    { type: 'start', run: 'r1', interval: 0, kind: 'backfill' },
    ...run('r1', 4),
    { type: 'publisher', workflow: 'w1', attempt: 1 },
    ...publish('w1/1', 2),
    { type: 'backfill-begins' },
    { type: 'files', interval: 0, rows: [] },
    { type: 'start', run: 'r2', interval: 0, kind: 'backfill' },
    ...run('r2', 4),
    { type: 'start', run: 'r3', interval: 1, kind: 'scheduled' },
    ...run('r3', 4),
    { type: 'delta-lost', sequence: 1 },
    { type: 'lease-expires' },
    { type: 'publisher', workflow: 'w2', attempt: 1 },
    ...publish('w2/1', 9),
    ...publish('w1/1', 9),
  ],
}
