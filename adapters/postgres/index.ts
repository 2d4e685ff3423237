import type { LedgerWriter } from '../../core/ports/ledger.js'
import type { RegistryWriter } from '../../core/ports/registry.js'
import { createPostgresClient, type PostgresClientOptions } from './client.js'
import { createPostgresLedger } from './postgres-ledger.js'
import { createPostgresRegistry } from './postgres-registry.js'

export interface PostgresStores {
  readonly ledger: LedgerWriter
  readonly registry: RegistryWriter
  /** Brings the schema up to date; may run at any time, in several processes. */
  migrate(): Promise<unknown>
  close(): Promise<void>
}

/** Ledger and registry of one project; connects when first used. @throws MillcourseError CONFIG_INVALID (not a URL) */
export function connectPostgres(options: PostgresClientOptions): PostgresStores {
  const client = createPostgresClient(options)
  return {
    ledger: createPostgresLedger(client),
    registry: createPostgresRegistry(client),
    migrate: client.migrate,
    close: client.close,
  }
}
