/** The quickest drills by the command that people have, each beside its canary; `npm run test:drills` runs all. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runDrillCommand } from '../support/drill-command.js'

const quickest = ['null-flood', 'postgres-restart', 'schema-change', 'stop-scheduler', 'stop-watcher']

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'millcourse-drills-'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

test('the quickest drills pass, and each fails once its alarm is cut', async () => {
  const { exitCode, said } = await runDrillCommand(
    [...quickest, '--with-canaries', '--at-once', '5', '--every', '20s'],
    dir,
  )
  const told = said.drills!.map(({ drill: name, isCanary, outcome, isDeafOnly, failures }) => {
    const isRight = isCanary ? isDeafOnly : outcome === 'passed'
    return `${name}${isCanary ? ' canary' : ''}: ${isRight ? 'right' : failures.join('; ')}`
  })
  expect(told.sort()).toEqual(quickest.flatMap((name) => [`${name} canary: right`, `${name}: right`]).sort())
  expect([exitCode, said.outcome]).toEqual([0, 'passed'])
  const [first] = said.drills!.filter(({ isCanary }) => !isCanary)
  expect(first!.checks.length).toBeGreaterThanOrEqual(5)
  expect(await readFile(first!.report, 'utf8')).toContain(`# ${first!.drill}: passed`)
}, 600_000)

test('what is marked as production is left alone', async () => {
  const production = await runDrillCommand(['kill-worker'], dir, { MILLCOURSE_ENVIRONMENT: 'production' })
  expect(production).toMatchObject({ exitCode: 78, said: {}, error: { code: 'DRILL_ON_PRODUCTION' } })
})
