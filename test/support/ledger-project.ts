/** What the contract files of the ledger begin with: a Postgres for the file, an empty project in it for each test. */
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { startTestPostgres, type TestPostgres, type TestProject } from './postgres.js'

/** @param take called before each test */
export function ledgerProject(take: (project: TestProject) => void): void {
  let postgres: TestPostgres
  beforeAll(async () => {
    postgres = await startTestPostgres()
  })
  afterAll(() => postgres?.stop())
  beforeEach(async () => {
    take(await postgres.newProject())
  })
}
