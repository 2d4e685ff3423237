import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { contextEnvironment, outerAddresses } from './context-environment.js'
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

  describe('that was started on parts elsewhere', () => {
    const told = {
      ...{
        MILLCOURSE_POSTGRES_URL: 'postgresql://ann:secret@team:5432/mill?sslmode=require',
        TEMPORAL_ADDRESS: 'team:7233',
      },
      MILLCOURSE_DYNAMODB_ENDPOINT: 'http://127.0.0.1:8000',
    }
    const own = { MILLCOURSE_PROJECT: 'shop', MILLCOURSE_LAKE: local.MILLCOURSE_LAKE }
    const outer = outerAddresses({ ...told, MILLCOURSE_LAKE: 's3://lake', PATH: '/bin' })
    const beside = (given: Record<string, string>) =>
      contextEnvironment({ repoDir: '/shop', project: 'shop', stack: { environment: own, outer }, given })

    test('no password is written down', () => {
      expect(Object.keys(outer).sort()).toEqual(Object.keys(told).sort())
      expect(JSON.stringify(outer)).not.toMatch(/secret|ann/)
    })

    test('the same shell works on it, whoever it lets itself in as', () => {
      const others = {
        ...told,
        MILLCOURSE_POSTGRES_URL: told.MILLCOURSE_POSTGRES_URL.replace('ann:secret', 'bob:word'),
      }
      for (const given of [told, others])
        expect(beside(given)).toEqual({
          environment: expect.objectContaining({ ...own, ...given }),
          ...{ keptOutBy: [], untold: [] },
        })
    })

    test('who names another one is kept out, who names too few is told', () => {
      const elsewhere = { ...told, MILLCOURSE_POSTGRES_URL: 'postgresql://ann:secret@other:5432/mill?sslmode=require' }
      expect(beside(elsewhere)).toMatchObject({ keptOutBy: ['MILLCOURSE_POSTGRES_URL'], untold: [] })
      expect(beside(elsewhere).environment).not.toHaveProperty('MILLCOURSE_LAKE')
      const { TEMPORAL_ADDRESS: _, ...few } = told
      expect(beside(few)).toMatchObject({ keptOutBy: [], untold: ['TEMPORAL_ADDRESS'] })
    })
  })

  test('a part that only the environment can tell is asked for, also one that has a default elsewhere', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'millcourse-context-'))
    try {
      const { MILLCOURSE_DYNAMODB_ENDPOINT: endpoint, ...environment } = local
      await writeStackFile(dir, {
        ...{ owner: livingProcess(process.pid)!, startedAt: 'now', environment, addresses: {}, pids: {}, http: {} },
        outer: outerAddresses({ MILLCOURSE_DYNAMODB_ENDPOINT: endpoint }),
      })
      for (const name of Object.keys(local)) vi.stubEnv(name, '')
      const unset = await openContext({ repo: dir, json: true }, new AbortController().signal)
      await expect(unset.addresses()).rejects.toMatchObject({
        code: 'STACK_NOT_RUNNING',
        message: `the local stack of ${dir} works on parts that it was told of and does not tell itself`,
        detail: { hint: 'set MILLCOURSE_DYNAMODB_ENDPOINT as where millcourse dev was started' },
      })
      await unset.close()
      vi.stubEnv('MILLCOURSE_DYNAMODB_ENDPOINT', endpoint)
      const same = await openContext({ repo: dir, json: true }, new AbortController().signal)
      expect(await same.addresses()).toMatchObject({ from: expect.stringContaining('millcourse dev') })
      await same.close()
    } finally {
      await rm(dir, { recursive: true })
    }
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
