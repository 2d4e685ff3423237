/** The quickest drills by the command that people have, each beside its canary; `npm run test:drills` runs all. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DrillReport } from '../../drill/index.js'

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const quickest = ['null-flood', 'postgres-restart', 'schema-change', 'stop-scheduler', 'stop-watcher']

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'millcourse-drills-'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

interface Done {
  readonly exitCode: number | string | null
  readonly said: { readonly outcome?: string; readonly drills?: (DrillReport & { readonly report: string })[] }
  readonly error: { readonly code?: string }
}

function drill(words: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Done> {
  const args = [program, 'drill', ...words, '--report', dir, '--json']
  const env = { ...process.env, ...environment }
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env, cwd: dir, maxBuffer: 64 * 1_048_576 }, (failure, stdout, stderr) => {
      const error = /^\{"error.*$/m.exec(stderr)?.[0]
      resolve({
        exitCode: failure === null ? 0 : (failure.code ?? null),
        said: stdout === '' ? {} : JSON.parse(stdout),
        error: error === undefined ? {} : JSON.parse(error).error,
      })
    })
  })
}

test('the quickest drills pass, and each fails once its alarm is cut', async () => {
  const { exitCode, said } = await drill([...quickest, '--with-canaries', '--at-once', '5', '--every', '20s'])
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
  const production = await drill(['kill-worker'], { MILLCOURSE_ENVIRONMENT: 'production' })
  expect(production).toMatchObject({ exitCode: 78, said: {}, error: { code: 'DRILL_ON_PRODUCTION' } })
})
