import { coveringSpan } from '../core/compact/index.js'
import type { Compaction } from '../core/ports/compaction-ledger.js'
import type { LedgerReader, ViewKey } from '../core/ports/ledger.js'
import type { Interval } from '../core/time/interval.js'

/** What may stand for these commits; asked after they were, so that what is told to be gone is stood for. */
export async function findCompactions(
  ledger: Pick<LedgerReader, 'compactions'>,
  key: ViewKey,
  commits: readonly { readonly interval: Interval }[],
): Promise<readonly Compaction[]> {
  const span = coveringSpan(commits)
  return span === null ? [] : await ledger.compactions(key, span)
}
