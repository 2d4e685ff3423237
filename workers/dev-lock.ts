/** One local stack per repo. The lock is a file that names its holder; a holder that is gone is no holder. */
import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MillcourseError } from '../core/errors.js'
import { stateFolder } from './stack-file.js'
import { isAlive, type LivingProcess, livingProcess } from './stack-process.js'

export interface DevLock {
  release(): Promise<void>
}

/** @throws MillcourseError STACK_START_FAILED when another `millcourse dev` runs in this repo */
export async function takeDevLock(repoDir: string): Promise<DevLock> {
  const path = join(stateFolder(repoDir), 'dev.lock')
  const own = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  await mkdir(stateFolder(repoDir), { recursive: true })
  await writeFile(own, JSON.stringify(livingProcess(process.pid)))
  try {
    // A link is made or not made, never half; only two devs that find the same stale lock need a second try.
    for (let attempt = 0; attempt < 5; attempt++) {
      if (await linkIfAbsent(own, path)) return { release: () => releaseIfHeld(path) }
      const holder = await readHolder(path)
      if (holder && isAlive(holder)) throw alreadyRunning(repoDir, holder.pid)
      await removeStale(path, own)
    }
    throw alreadyRunning(repoDir, (await readHolder(path))?.pid ?? 0)
  } finally {
    await rm(own, { force: true })
  }
}

async function linkIfAbsent(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Moves the lock aside before it is deleted: what turns out to be somebody's fresh lock is put back. */
async function removeStale(path: string, own: string): Promise<void> {
  const aside = `${own}.stale`
  try {
    await rename(path, aside)
  } catch {
    return // somebody else moved it first
  }
  const holder = await readHolder(aside)
  if (holder && isAlive(holder)) await linkIfAbsent(aside, path)
  await rm(aside, { force: true })
}

async function releaseIfHeld(path: string): Promise<void> {
  if ((await readHolder(path))?.pid === process.pid) await rm(path, { force: true })
}

async function readHolder(path: string): Promise<LivingProcess | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as LivingProcess
  } catch {
    return null
  }
}

function alreadyRunning(repoDir: string, pid: number): MillcourseError {
  return new MillcourseError('STACK_START_FAILED', `the stack of ${repoDir} already runs (process ${pid})`, {
    hint: 'use it as it is, or stop it first: Ctrl-C in its terminal, or `kill` its process',
    facts: { repo: repoDir, pid },
  })
}
