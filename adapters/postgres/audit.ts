import type { LedgerWriter } from '../../core/ports/ledger.js'
import type { Database } from './client.js'

/** Who did what, and why; in the transaction of what was done. */
export async function writeAudit(db: Database, entry: Parameters<LedgerWriter['audit']>[0]): Promise<void> {
  await db
    .insertInto('audit')
    .values({ acted_by: entry.by, action: entry.action, subject: entry.subject, reason: entry.reason })
    .execute()
}
