import type { RowRole } from '../../core/explain/index.js'
import type { RowFacts } from './explain-facts.js'

const words: Readonly<Record<Exclude<RowRole, 'counted' | 'not-committed'>, string>> = {
  older: 'a newer row is seen (R3)',
  after: 'after that time (R1)',
  'window-edge': 'at or after the edge (R7)',
  'before-window': 'before every window (R7)',
  expired: 'newest, beyond the ttl (R2)',
  'not-known': 'not written down by then (R16)',
  redelivered: 'delivered again later (R19)',
  tombstone: 'a deletion (R18)',
  'before-since': 'before the view’s since',
}
const notCommitted: Readonly<Record<string, string>> = {
  'late-file': 'not committed: the file came late',
  'file-changed': 'not committed: the file was changed',
  'interval-held': 'not committed: the run is held',
  'interval-failed': 'not committed: the run failed',
  'interval-rejected': 'not committed: rejected',
  'interval-open': 'not committed yet',
  'interval-missing': 'not committed: no run yet',
}

/** What became of a row, in a few words. */
export function roleText({ role, windows, notCommitted: why }: RowFacts, kind: 'lookup' | 'window'): string {
  if (role === 'counted') return kind === 'lookup' ? 'the answer' : `counts in ${windows.join(', ')}`
  if (role === 'not-committed') return notCommitted[why ?? ''] ?? 'not committed'
  return words[role]
}
