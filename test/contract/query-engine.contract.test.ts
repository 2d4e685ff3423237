import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createDuckdbEngine } from '../../adapters/duckdb/duckdb-query-engine.js'
import { queryEngineContract } from './query-engine.contract.js'

queryEngineContract('DuckDB', { newEngine: (options) => createDuckdbEngine({ threads: 2, ...options }) })

test('at its start DuckDB removes what dead processes of this machine left, and nothing else', async () => {
  const spillDir = await mkdtemp(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'spill-'))
  const [dead, alive, elsewhere] = [
    `duckdb-${hostname()}-4194999-aa`,
    `duckdb-${hostname()}-${process.ppid}-bb`,
    'duckdb-other-1-cc',
  ]
  for (const name of [dead, alive, elsewhere, 'notes']) await mkdir(join(spillDir, name))
  const engine = await createDuckdbEngine({ memoryLimitMb: 60, spillDir, threads: 1 })
  await engine.close()
  expect((await readdir(spillDir)).toSorted()).toEqual([alive, elsewhere, 'notes'].toSorted())
  await rm(spillDir, { recursive: true })
})

test('a start with impossible options names them', async () => {
  await expect(
    createDuckdbEngine({ memoryLimitMb: 60, spillDir: '/dev/null/spill', threads: 1 }),
  ).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    detail: { facts: { spillDir: '/dev/null/spill' } },
  })
})
