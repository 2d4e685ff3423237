/** One local stack per repo. The lock is a file that names its holder; a holder that is gone is no holder. */
import { createHash, randomBytes } from 'node:crypto'
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
  const lock: DevLock = { release: () => releaseIfHeld(path) }
  try {
    // A link is made or not made, never half; more tries only where the holder changes under our eyes.
    for (let attempt = 0; attempt < 5; attempt++) {
      if (await linkIfAbsent(own, path)) return lock
      const stale = await readText(path)
      if (stale === null) continue
      const holder = livingHolder(stale)
      if (holder) throw alreadyRunning(repoDir, holder.pid)
      const successor = await succeed(path, stale, own)
      if (successor === 'own') return lock
      if (successor !== 'moved') throw alreadyRunning(repoDir, successor.pid)
    }
    throw alreadyRunning(repoDir, livingHolder((await readText(path)) ?? '')?.pid ?? 0)
  } finally {
    await rm(own, { force: true })
  }
}

/**
 * Puts `own` in the place of a stale lock. Moving the stale one away first would let two in: whoever read it a moment ago moves
 * the next one's. So a claim named after the stale lock comes first, of which there is one; whoever has it looks again before it
 * replaces the lock, and gives the claim up afterwards. Claimants die too: then their claim is what is succeeded.
 * @returns the living process that has the claim; `moved`: the lock is no longer the stale one
 */
async function succeed(path: string, stale: string, own: string): Promise<'own' | 'moved' | LivingProcess> {
  const claims: string[] = []
  for (let dead = stale; ; ) {
    const claim = `${path}.after.${createHash('sha256').update(dead).digest('hex').slice(0, 16)}`
    claims.push(claim)
    if (await linkIfAbsent(own, claim)) break
    const text = await readText(claim)
    if (text === null) return 'moved'
    const claimant = livingHolder(text)
    if (claimant) return claimant
    dead = text
  }
  if ((await readText(path)) !== stale) {
    await rm(claims.at(-1)!, { force: true })
    return 'moved'
  }
  await rename(own, path)
  for (const claim of claims) await rm(claim, { force: true })
  return 'own'
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

async function releaseIfHeld(path: string): Promise<void> {
  if (livingHolder((await readText(path)) ?? '')?.pid === process.pid) await rm(path, { force: true })
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** Null: the holder is gone, or the file was cut short with the machine. */
function livingHolder(text: string): LivingProcess | null {
  try {
    const holder = JSON.parse(text) as LivingProcess
    return isAlive(holder) ? holder : null
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
