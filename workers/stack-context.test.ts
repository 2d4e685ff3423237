import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { contextEnvironment } from './context-environment.js'
import { openContext } from './stack-context.js'
import { writeStackFile } from './stack-file.js'
import { livingProcess } from './stack-process.js'

const local = {
  MILLCOURSE_PROJECT: 'shop',
  MILLCOURSE_LAKE: '/shop/.millcourse/lake',
  MILLCOURSE_POSTGRES_URL: 'postgres://local',
  MILLCOURSE_DYNAMODB_ENDPOINT: 'http://127.0.0.1:4567',
  TEMPORAL_ADDRESS: '127.0.0.1:7233',
}
const production = {
  MILLCOURSE_LAKE: 's3://lake',
  MILLCOURSE_POSTGRES_URL: 'postgres://team',
  TEMPORAL_ADDRESS: 'temporal:7233',
}
const stack = { environment: local }
const of = (given: Record<string, string>) => contextEnvironment({ repoDir: '/shop', project: 'shop', stack, given })

describe('beside a living local stack', () => {
  test('who is told of no part works on it; every other setting is the environment’s first, then the stack’s', () => {
    const { environment, keptOutBy } = of({
      ...{ MILLCOURSE_LOG_LEVEL: 'debug', TEMPORAL_ADDRESS: '', MILLCOURSE_S3_ENDPOINT: 'https://minio' },
      MILLCOURSE_PROJECT: 'another',
    })
    expect(environment).toMatchObject({
      ...local,
      ...{ MILLCOURSE_LOG_LEVEL: 'debug', MILLCOURSE_S3_ENDPOINT: 'https://minio', MILLCOURSE_PROJECT: 'another' },
      MILLCOURSE_SOURCES: '/shop',
    })
    expect(keptOutBy).toEqual([])
  })

  test('who is told of their parts takes none of it, not even the endpoint that production leaves out', () => {
    const { environment } = of(production)
    expect(environment).toMatchObject(production)
    expect(environment).not.toHaveProperty('MILLCOURSE_DYNAMODB_ENDPOINT')
  })

  test.each(Object.keys(local).filter((name) => name !== 'MILLCOURSE_PROJECT'))('one part is enough: %s', (name) => {
    const { environment, keptOutBy } = of({ [name]: 'elsewhere' })
    const taken = Object.entries(local).filter(([part, value]) => environment[part] === value)
    expect(taken).toEqual([['MILLCOURSE_PROJECT', 'shop']])
    expect(keptOutBy).toEqual([name])
  })

  test('the address that the stack has itself keeps it out of nothing', () => {
    const { environment, keptOutBy } = of({ TEMPORAL_ADDRESS: local.TEMPORAL_ADDRESS })
    expect(environment).toMatchObject(local)
    expect(keptOutBy).toEqual([])
  })

  test('what is missing then is said, with both ways out', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'millcourse-context-'))
    try {
      await writeStackFile(dir, {
        ...{ owner: livingProcess(process.pid)!, startedAt: 'now', environment: local, addresses: {}, pids: {} },
        http: {},
      })
      for (const name of Object.keys(local)) vi.stubEnv(name, '')
      vi.stubEnv('TEMPORAL_ADDRESS', 'temporal:7233')
      const context = await openContext({ repo: dir, json: true }, new AbortController().signal)
      const leftAlone = {
        code: 'STACK_NOT_RUNNING',
        message: `the local stack of ${dir} is left alone: the environment names parts itself`,
        detail: {
          hint: 'set MILLCOURSE_POSTGRES_URL, MILLCOURSE_LAKE, too; or, to use the local stack, unset TEMPORAL_ADDRESS',
        },
      }
      await expect(context.runProcess('worker')).rejects.toMatchObject(leftAlone)
      await expect(context.addresses()).rejects.toMatchObject(leftAlone)
      await context.close()
    } finally {
      await rm(dir, { recursive: true })
    }
  })
})

afterEach(() => {
  vi.unstubAllEnvs()
})
