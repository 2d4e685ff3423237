/** Whose each online table is, by the ledger's word: what `doctor` calls left over, and what `plan` counts as made. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DynamoDbOnlineStore } from '../../adapters/dynamodb/dynamodb-online-store.js'
import { findOnlineLimits } from '../../cli/commands/online-limits.js'
import { stackChecks } from '../../cli/doctor/check-stack.js'
import type { FeatureRepo } from '../../core/define/definitions.js'
import { onlineTableName } from '../../core/publish/index.js'
import { commandContext } from '../support/command-context.js'
import { localCredentials, startTestDynalite } from '../support/dynalite.js'
import { ledgerProject } from '../support/ledger-project.js'
import { commitHours, finish, open, publishRequest, record, view } from '../support/ledger-steps.js'
import type { TestProject } from '../support/postgres.js'
import { lookupBundle } from '../support/publish-fixtures.js'

let project: TestProject
let dynalite: Awaited<ReturnType<typeof startTestDynalite>>
let online: DynamoDbOnlineStore
ledgerProject((opened) => {
  project = opened
})
beforeAll(async () => {
  dynalite = await startTestDynalite()
  online = new DynamoDbOnlineStore({ endpoint: dynalite.endpoint, credentials: localCredentials })
})
afterAll(async () => {
  await online?.close()
  await dynalite?.stop()
})

const bundle = lookupBundle()
const repoOf = (...names: readonly string[]): FeatureRepo => ({
  ...{ project: project.project, entities: [bundle.entity], sources: [bundle.source], services: [] },
  views: names.map((name) => ({ ...bundle.view, name, version: 1, online: true })),
})
const contextOf = (store = online) => ({
  ...commandContext({
    online: async () => store,
    ledger: async () => project.ledger,
    registry: async () => project.registry,
  } as never),
  project: project.project,
})
const by = { by: 'anna' }
const look = () =>
  stackChecks(contextOf())
    .find(({ part }) => part === 'online tables')!
    .look() as Promise<{ state: string; found: string; advice: string }>

/** `.s1` given up, `.s2` finished, both remembered by the ledger, and made. */
async function loadOnce(): Promise<string> {
  const plain = onlineTableName(project.project, view.view, view.version)
  const loading = (workflow: string) => publishRequest(workflow, { table: plain, firstLoadsMax: 2 })
  await commitHours(project.ledger, 0)
  const given = await open(project.ledger, loading('given-up'))
  await record(project.ledger, given)
  await project.ledger.releaseLease(view, given.sequence, given.owner)
  const load = await open(project.ledger, loading('finished'))
  await record(project.ledger, load)
  for (const { table } of [given, load]) await online.ensureTable(table)
  await finish(project.ledger, load)
  return plain
}

test('`doctor` names the tables that nobody drops, since when, and how to; no command drops them', async () => {
  await project.registry.apply(repoOf(view.view), by)
  const plain = await loadOnce()
  expect(await look()).toEqual({ state: 'ok', found: '2 tables, as they are made', advice: null })
  const left = [`millcourse.${project.project}.another.v1`, `${plain}.s9`, plain].sort()
  for (const table of [...left, `millcourse.${project.project}x.another.v1`]) await online.ensureTable(table)
  const found = await look()
  expect(found.state).toBe('wrong')
  expect(found.found.replaceAll(/\(made \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\)/g, '(made THEN)')).toBe(
    `2 tables, as they are made; 3 tables that the ledger neither serves nor loads: ${left.map((table) => `${table} (made THEN)`).join(', ')}`,
  )
  expect(found.advice).toBe(
    `nothing drops them, they count for the quota and may hold personal data: unless another stack of project ${project.project} uses them, ` +
      `\`aws dynamodb delete-table --table-name ${left[0]}\`, and so on`,
  )
  for (const table of left) await online.dropTable(table)
  // Retired, its table is still read; what it had given up, no publish drops any more.
  await project.registry.apply(repoOf('another'), by)
  expect(await look()).toMatchObject({
    state: 'wrong',
    found: expect.stringMatching(/^1 table, as they are made; 1 table that .*\.s1 \(made [^ ]+\)$/),
  })
})

test('`doctor` lets nobody delete what a ledger that was begun anew has not heard of, and may be served', async () => {
  const plain = onlineTableName(project.project, view.view, view.version)
  for (const table of [`${plain}.s7`, onlineTableName(project.project, 'another', 1)]) await online.ensureTable(table)
  const untold = {
    state: 'wrong',
    found: expect.stringMatching(/^2 tables, as they are made; 2 tables .* cannot tell: [^ ]*\.s7, [^ ]*another\.v1$/),
    advice: expect.stringMatching(/^delete none of them: .*millcourse restore(?!.*delete-table)/),
  }
  // Migrated; applied; run, and nothing published.
  expect(await look()).toEqual(untold)
  await project.registry.apply(repoOf(view.view, 'another'), by)
  expect(await look()).toEqual(untold)
  await commitHours(project.ledger, 0)
  expect(await look()).toEqual(untold)
  // Of what is published it knows; of the other view it still does not.
  const load = await open(project.ledger, publishRequest('w', { table: plain, firstLoadsMax: 2 }))
  await record(project.ledger, load)
  await online.ensureTable(load.table)
  await finish(project.ledger, load)
  const { found, advice } = await look()
  expect(found).toMatch(/^2 tables, .*; 1 table .* cannot tell: [^ ]*another\.v1; 1 table that .*\.s7 \(made [^ ]+\)$/)
  expect(advice).toMatch(/^delete none of them: .*; nothing drops them.*delete-table --table-name [^ ]*\.s7`$/)
})

test('`plan` counts a version’s table once the ledger names it, not that of an unfinished first load', async () => {
  await project.registry.apply(repoOf(view.view), by)
  const plain = onlineTableName(project.project, view.view, view.version)
  await commitHours(project.ledger, 0)
  const load = await open(project.ledger, publishRequest('w', { table: plain, firstLoadsMax: 2 }))
  await record(project.ledger, load)
  await online.ensureTable(load.table)
  const tablesMax = (await online.listTables()).length
  const limited = new DynamoDbOnlineStore({ endpoint: dynalite.endpoint, credentials: localCredentials, tablesMax })
  const warnings = async () => (await findOnlineLimits(contextOf(limited), repoOf(view.view), true)).warnings
  expect(await warnings()).toEqual([expect.stringMatching(/, this adds 1: the last 1 will not be made;/)])
  await finish(project.ledger, load)
  expect(await warnings()).toEqual([expect.stringMatching(/ in this region; ask AWS/)])
  const nothing = await findOnlineLimits(contextOf(limited), repoOf(view.view), false)
  expect(nothing.warnings).toEqual([expect.stringMatching(/, this adds 1:/)])
  await limited.close()
})
