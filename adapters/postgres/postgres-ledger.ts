/** The ledger port on Postgres: each idea in its own file, one client for all. */
import type { LedgerWriter } from '../../core/ports/ledger.js'
import { writeAudit } from './audit.js'
import { createBackfills } from './backfills.js'
import type { PostgresClient } from './client.js'
import { createIntervalCommits } from './commits.js'
import { createCompactions } from './compactions.js'
import { createDecisionRecords } from './decisions.js'
import { createFileRemoval } from './file-removal.js'
import { createIncidentWatch } from './incident-watch.js'
import { createIncidentRecords } from './incidents.js'
import { createOnlineTables } from './online-tables.js'
import { createPublishLease } from './publishes.js'
import { createQualityChecks } from './quality-checks.js'
import { createRunDetails } from './run-details.js'
import { createRunFileRemoval } from './run-file-removal.js'
import { createRunProfiles } from './run-profiles.js'
import { createRunRecords } from './runs.js'
import { createSourceFiles } from './source-files.js'
import { createSpendRecords } from './spends.js'
import { createTrainingSets } from './training-sets.js'
import { createWatchedRuns } from './watched-runs.js'
import { createWriteBudget } from './write-budget.js'

export function createPostgresLedger(client: PostgresClient): LedgerWriter {
  return {
    ...createRunRecords(client),
    ...createRunProfiles(client),
    ...createIntervalCommits(client),
    ...createDecisionRecords(client),
    ...createPublishLease(client),
    ...createOnlineTables(client),
    ...createIncidentRecords(client),
    ...createIncidentWatch(client),
    ...createWatchedRuns(client),
    ...createSourceFiles(client),
    ...createTrainingSets(client),
    ...createCompactions(client),
    ...createFileRemoval(client),
    ...createRunFileRemoval(client),
    ...createRunDetails(client),
    ...createQualityChecks(client),
    ...createSpendRecords(client),
    ...createBackfills(client),
    ...createWriteBudget(client),
    audit: (entry) => client.query((db) => writeAudit(db, entry)),
  }
}
