import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import type { MillcourseError } from '../core/errors.js'
import { type KeptPart, keepRunning, type RunningPart, type StackEvent } from './dev-parts.js'

const kept: KeptPart[] = []
afterEach(async () => {
  await Promise.all(kept.splice(0).map((part) => part.stop()))
})

/** A real process; `code` decides how long it lives. */
async function startNode(code: string): Promise<RunningPart> {
  const child = spawn(process.execPath, ['-e', code], { stdio: 'ignore' })
  await once(child, 'spawn')
  const ended = once(child, 'exit').then(() => {})
  const stop = async () => {
    child.kill('SIGKILL')
    await ended
  }
  return { pid: child.pid!, ended, stop }
}

async function keep(start: () => Promise<RunningPart>) {
  const events: StackEvent[] = []
  const errors: MillcourseError[] = []
  const part = await keepRunning(
    { name: 'worker', start, where: ({ pid }) => String(pid) },
    { tell: (event) => events.push(event), onRestarted: () => {}, onGivenUp: (error) => errors.push(error) },
  )
  kept.push(part)
  return { part, events, errors }
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await sleep(20)
}

describe('a part of the local stack', () => {
  test('that is killed is reported and runs again as another process', async () => {
    const { part, events } = await keep(() => startNode('setInterval(() => {}, 1000)'))
    const first = part.running.pid
    process.kill(first, 'SIGKILL')
    await until(() => part.running.pid !== first)
    expect(events.map(({ kind }) => kind)).toEqual(['starting', 'ready', 'died', 'ready'])
  })

  test('that is stopped stays stopped', async () => {
    let starts = 0
    const { part, events } = await keep(() => {
      starts += 1
      return startNode('setInterval(() => {}, 1000)')
    })
    await part.stop()
    await part.stop()
    await sleep(700)
    expect(starts).toBe(1)
    expect(events.at(-1)?.kind).toBe('stopped')
  })

  test('that keeps dying is given up, with the reason', async () => {
    const { errors } = await keep(() => startNode('process.exit(1)'))
    await until(() => errors.length > 0)
    expect(errors[0]).toMatchObject({ code: 'STACK_START_FAILED', detail: { facts: { part: 'worker', deaths: 5 } } })
  })

  test('that cannot be started again is tried again', async () => {
    let starts = 0
    const { part, events } = await keep(() => {
      starts += 1
      if (starts === 2) return Promise.reject(new Error('the port is taken'))
      return startNode('setInterval(() => {}, 1000)')
    })
    const first = part.running.pid
    process.kill(first, 'SIGKILL')
    await until(() => part.running.pid !== first)
    expect(starts).toBe(3)
    expect(events.some(({ kind, text }) => kind === 'note' && text.includes('the port is taken'))).toBe(true)
  })
})
