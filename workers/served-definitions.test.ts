import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { ServingDefinitions } from '../core/serve/index.js'
import { keepServedDefinitions } from './served-definitions.js'

/** Of a busy machine: what is waited for comes as soon as it can. */
const patient = { timeout: 15_000 }
const clock = { realNow: () => 978_307_200_000_000_000n }

test('a folder that cannot be written to is told once; the definitions are kept as soon as it can', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'served-'))
  const stateDir = join(dir, 'state')
  // A file where the folder should be: refused to every user, also to root.
  writeFileSync(stateDir, '')
  const stop = new AbortController()
  onTestFinished(() => {
    stop.abort()
    rmSync(dir, { recursive: true })
  })
  const warnings: string[] = []
  let looks = 0
  const served = await keepServedDefinitions({
    project: 'flights',
    registry: {
      serving: async () => {
        looks += 1
        return { project: 'flights', revision: 3, views: [], services: [] } as unknown as ServingDefinitions
      },
    },
    stateDir,
    refreshMs: 1,
    clock,
    log: { info: () => {}, warn: (_: object, message: string) => warnings.push(message), error: () => {} } as never,
    signal: stop.signal,
  })
  await vi.waitFor(() => expect(looks).toBeGreaterThan(5), patient)
  expect(served.current()).toMatchObject({ revision: 3 })
  const unkept = () => warnings.filter((message) => message.startsWith('the definitions cannot be kept on disk'))
  expect(unkept()).toHaveLength(1)
  rmSync(stateDir)
  const kept = await vi.waitFor(() => JSON.parse(readFileSync(join(stateDir, 'definitions.json'), 'utf8')), patient)
  expect(kept).toMatchObject({ definitions: { revision: 3 } })
  expect(unkept()).toHaveLength(1)
})

test('R36: a first load that has finished is served, and kept on disk, without a revision', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'served-'))
  const stop = new AbortController()
  onTestFinished(() => {
    stop.abort()
    rmSync(stateDir, { recursive: true })
  })
  let table: string | null = null
  const options = {
    project: 'flights',
    registry: {
      serving: async () => ({ project: 'flights', revision: 3, views: [{ table }] }) as unknown as ServingDefinitions,
    },
    stateDir,
    refreshMs: 1,
    clock,
    log: { info: () => {}, warn: () => {}, error: () => {} } as never,
    signal: stop.signal,
  }
  const served = await keepServedDefinitions(options)
  await vi.waitFor(() => expect(served.current()?.views).toEqual([{ table: null }]), patient)
  table = 'loaded.s1'
  const onDisk = () => JSON.parse(readFileSync(join(stateDir, 'definitions.json'), 'utf8'))
  await vi.waitFor(() => expect(onDisk()).toMatchObject({ definitions: { views: [{ table: 'loaded.s1' }] } }), patient)
  expect(served.current()?.views).toEqual([{ table: 'loaded.s1' }])
})

test('while Postgres is away it is told since when the definitions may have aged', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'served-'))
  const stop = new AbortController()
  onTestFinished(() => {
    stop.abort()
    rmSync(stateDir, { recursive: true })
  })
  let isAway = false
  const options = {
    project: 'flights',
    registry: {
      serving: async () => {
        if (isAway) throw new Error('the ledger is away')
        return { project: 'flights', revision: 3, views: [], services: [] } as unknown as ServingDefinitions
      },
    },
    ...{ stateDir, refreshMs: 1, clock, signal: stop.signal },
    log: { info: () => {}, warn: () => {}, error: () => {} } as never,
  }
  const served = await keepServedDefinitions(options)
  await vi.waitFor(() => expect(served.state().why).toBe('revision 3'), patient)
  isAway = true
  const aged = 'revision 3, as last known (2001-01-01T00:00:00Z): the ledger is away'
  await vi.waitFor(() => expect(served.state()).toEqual({ part: 'definitions', isOk: true, why: aged }), patient)
  const restarted = await keepServedDefinitions(options)
  const fromDisk = 'revision 3, as last known (from disk): the ledger is away'
  await vi.waitFor(() => expect(restarted.state().why).toBe(fromDisk), patient)
})
