import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { takeDevLock } from './dev-lock.js'
import { readStackFile, stateFolder, writeStackFile } from './stack-file.js'
import { isAlive, livingProcess } from './stack-process.js'

let repo: string
beforeEach(async () => {
  repo = await mkdtemp(join(tmpdir(), 'millcourse-lock-'))
})
afterEach(() => rm(repo, { recursive: true, force: true }))

async function deadProcess() {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  await once(child, 'spawn')
  const known = livingProcess(child.pid!)!
  child.kill('SIGKILL')
  await once(child, 'exit')
  return known
}

describe('the lock of the local stack', () => {
  test('a second one in the same repo is refused, naming the process that holds it', async () => {
    const lock = await takeDevLock(repo)
    await expect(takeDevLock(repo)).rejects.toMatchObject({
      code: 'STACK_START_FAILED',
      message: expect.stringContaining(`process ${process.pid}`),
    })
    await lock.release()
    await (await takeDevLock(repo)).release()
  })

  test('a lock left by a killed process is taken over', async () => {
    await (await takeDevLock(repo)).release()
    await writeFile(join(stateFolder(repo), 'dev.lock'), JSON.stringify(await deadProcess()))
    await (await takeDevLock(repo)).release()
    expect(await readdir(stateFolder(repo))).toEqual([])
  })

  test('a lock whose id was given to a process that started later is taken over', async () => {
    await (await takeDevLock(repo)).release()
    await writeFile(join(stateFolder(repo), 'dev.lock'), JSON.stringify({ pid: process.pid, startMark: 'before' }))
    await (await takeDevLock(repo)).release()
  })

  test('of many that find the same stale lock, one gets it', async () => {
    await (await takeDevLock(repo)).release()
    await writeFile(join(stateFolder(repo), 'dev.lock'), JSON.stringify(await deadProcess()))
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => takeDevLock(repo)))
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await readdir(stateFolder(repo))).toEqual(['dev.lock'])
  })

  test('one that reads the stale lock late does not take it from the one that got it', async () => {
    const dead = JSON.stringify(await deadProcess())
    for (let round = 0; round < 40; round++) {
      await mkdir(stateFolder(repo), { recursive: true })
      await writeFile(join(stateFolder(repo), 'dev.lock'), dead)
      const late = async (turns: number) => {
        for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
        return await takeDevLock(repo)
      }
      const results = await Promise.allSettled(Array.from({ length: 12 }, (_, index) => late(index)))
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    }
  })

  test('one that died while it took over a stale lock is succeeded too', async () => {
    await mkdir(stateFolder(repo), { recursive: true })
    const [lock, claim] = [JSON.stringify(await deadProcess()), JSON.stringify(await deadProcess())]
    await writeFile(join(stateFolder(repo), 'dev.lock'), lock)
    const name = createHash('sha256').update(lock).digest('hex').slice(0, 16)
    await writeFile(join(stateFolder(repo), `dev.lock.after.${name}`), claim)
    const held = await takeDevLock(repo)
    expect(await readdir(stateFolder(repo))).toEqual(['dev.lock'])
    await held.release()
  })
})

describe('processes', () => {
  test('one that ended is not alive, and neither is another one under its id', async () => {
    expect(isAlive(await deadProcess())).toBe(false)
    expect(isAlive(livingProcess(process.pid)!)).toBe(true)
    expect(isAlive({ pid: process.pid, startMark: 'another start' })).toBe(false)
  })

  test('the stack file of a killed stack counts as no stack', async () => {
    const file = { startedAt: '', environment: {}, addresses: {}, pids: {}, http: {} }
    await writeStackFile(repo, { ...file, owner: livingProcess(process.pid)! })
    expect(await readStackFile(repo)).not.toBeNull()
    await writeStackFile(repo, { ...file, owner: await deadProcess() })
    expect(await readStackFile(repo)).toBeNull()
  })
})
