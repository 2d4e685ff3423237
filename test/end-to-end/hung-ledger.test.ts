/** A Postgres that takes what it is sent and says nothing, as a frozen machine does, or one behind a firewall that drops what it does not like. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { SystemClock } from '../../adapters/clock/system-clock.js'
import type { AlertMessage } from '../../core/ports/alert-channel.js'
import type { ScheduleSeen } from '../../core/watch/index.js'
import { createWatcher, watcherDefaults } from '../../workers/watcher.js'
import { startTestPostgres, type TestPostgres } from '../support/postgres.js'

let postgres: TestPostgres
const stateDir = mkdtempSync(join(tmpdir(), 'millcourse-hung-'))
beforeAll(async () => {
  postgres = await startTestPostgres()
})
afterAll(async () => {
  freeze('SIGCONT')
  await postgres.stop()
  rmSync(stateDir, { recursive: true, force: true })
})

/** The server and each connection's process. */
function freeze(signal: 'SIGSTOP' | 'SIGCONT'): void {
  const all = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n')
  const parents = all.map((line) => line.trim().split(/\s+/).map(Number) as [number, number])
  const below = (pid: number): number[] => [pid, ...parents.flatMap(([child, of]) => (of === pid ? below(child) : []))]
  for (const pid of below(postgres.pid)) process.kill(pid, signal)
}

test('a ledger that hangs is told after the time that is set, however long a statement may take', async () => {
  const { ledger, registry } = await postgres.newProject()
  const sent: string[] = []
  const send = async ({ event, incident }: AlertMessage) => `taken as ${sent.push(`${event} ${incident.rule}`)}`
  const log = { info: () => {}, warn: () => {}, error: () => {} }
  const scheduler = {
    isReachable: async () => true,
    schedule: async (): Promise<ScheduleSeen> => ({ kind: 'absent' }),
    workers: async () => [],
    workOf: async () => {
      throw new Error('nothing is at work')
    },
  }
  const watcher = await createWatcher(
    { clock: new SystemClock(null), log, ledger, registry, scheduler, channels: [{ name: 'collected', send }] },
    { ...watcherDefaults, stateDir, pollMs: 500, unreachableAfterMs: 11_000 },
  )
  await watcher.look()
  expect(sent).toEqual([])

  freeze('SIGSTOP')
  const frozenAtMs = performance.now()
  await watcher.look()
  await vi.waitFor(() => expect(sent).toEqual(['opened ledger_unreachable']), 5_000)
  expect(performance.now() - frozenAtMs).toBeGreaterThan(10_900)

  freeze('SIGCONT')
  await watcher.look()
  await vi.waitFor(() => expect(sent.at(-1)).toBe('resolved ledger_unreachable'), 5_000)
  await watcher.leave()
}, 60_000)
