/**
 * Schema changes in order; applied ones are never edited. Workers of the release before are still at work while a migration runs
 * and after it, and may be started again: a migration only adds (tables, columns that are null or have a default, indexes, triggers). What a
 * release no longer uses is taken away by the next one, in a migration named `NNN-contract-…`: who does not know it cannot work with
 * the schema and says so. docs/upgrading.md; held by test/contract/schema-evolution.contract.test.ts.
 */
import { type Migration, sql } from 'kysely'
import { ledgerAndRegistry } from './001-ledger-and-registry.js'
import { countedReopens } from './002-counted-reopens.js'
import { firstLoads } from './003-first-loads.js'
import { trainingSets } from './004-training-sets.js'
import { givenUpPublishes } from './005-given-up-publishes.js'
import { compactions } from './006-compactions.js'
import { qualityChecks } from './007-quality-checks.js'
import { unnamedFiles } from './008-unnamed-files.js'
import { runFiles } from './009-run-files.js'
import { backfills } from './010-backfills.js'
import { incidentLives } from './011-incident-lives.js'
import { runSketches } from './012-run-sketches.js'
import { spends } from './013-spends.js'
import { committedDigests } from './014-committed-digests.js'
import { manyViews } from './015-many-views.js'
import { writeBudget } from './016-write-budget.js'
import { awaitedRebuilds } from './017-awaited-rebuilds.js'
import { wantedLeases } from './018-wanted-leases.js'
import { heldFeatures } from './019-held-features.js'
import { runDetails } from './020-run-details.js'
import { waitedFor } from './021-waited-for.js'
import { backfillLimits } from './022-backfill-limits.js'
import { appliedDecisions } from './023-applied-decisions.js'

export const migrationStatements: Readonly<Record<string, readonly string[]>> = {
  '001-ledger-and-registry': ledgerAndRegistry,
  '002-counted-reopens': countedReopens,
  '003-first-loads': firstLoads,
  '004-training-sets': trainingSets,
  '005-given-up-publishes': givenUpPublishes,
  '006-compactions': compactions,
  '007-quality-checks': qualityChecks,
  '008-unnamed-files': unnamedFiles,
  '009-run-files': runFiles,
  '010-backfills': backfills,
  '011-incident-lives': incidentLives,
  '012-run-sketches': runSketches,
  '013-spends': spends,
  '014-committed-digests': committedDigests,
  '015-many-views': manyViews,
  '016-write-budget': writeBudget,
  '017-awaited-rebuilds': awaitedRebuilds,
  '018-wanted-leases': wantedLeases,
  '019-held-features': heldFeatures,
  '020-run-details': runDetails,
  '021-waited-for': waitedFor,
  '022-backfill-limits': backfillLimits,
  '023-applied-decisions': appliedDecisions,
}

export function isContract(name: string): boolean {
  return /^\d+-contract-/.test(name)
}

/** For kysely's Migrator; the statements name their tables without a schema. */
export function migrationsFor(schema: string): Record<string, Migration> {
  return Object.fromEntries(
    Object.entries(migrationStatements).map(([name, list]) => [
      name,
      {
        async up(db) {
          await sql`set local search_path to ${sql.id(schema)}`.execute(db)
          for (const statement of list) await sql.raw(statement).execute(db)
        },
      },
    ]),
  )
}
