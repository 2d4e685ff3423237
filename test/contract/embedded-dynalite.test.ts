import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DynamoDbOnlineStore } from '../../adapters/dynamodb/dynamodb-online-store.js'
import { startDynalite } from '../../adapters/embedded/embedded-dynalite.js'
import { localCredentials } from '../support/dynalite.js'

describe('the embedded DynamoDB endpoint', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millcourse-dynalite-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  const item = { sequence: 1n, eventAt: null, values: Uint8Array.of(1), schemaHash: 'x', expiresAtSeconds: null }

  test('keeps tables and their identity from start to start', async () => {
    const key = Uint8Array.of(0x91, 1)
    const identities: string[] = []
    for (const round of [0, 1]) {
      const dynalite = await startDynalite({ folder, port: 0 })
      const store = new DynamoDbOnlineStore({ endpoint: dynalite.endpoint, credentials: localCredentials })
      identities.push((await store.ensureTable('kept')).identity)
      if (round === 0) await store.putItems('kept', [{ ...item, key }])
      else expect(await store.getItems('kept', [key])).toEqual([{ ...item, key }])
      await store.close()
      await dynalite.stop()
      await dynalite.stop()
    }
    expect(identities[0]).toBe(identities[1])
  })

  test('a port that is taken, or a folder that is in use, is an error', async () => {
    const first = await startDynalite({ folder, port: 0 })
    const failed = expect.objectContaining({ code: 'STACK_START_FAILED' })
    await expect(startDynalite({ folder: join(folder, 'other'), port: first.port })).rejects.toEqual(failed)
    await first.stop()
  })

  test('does not outlive a parent that was killed', async () => {
    const parentFile = join(folder, 'parent.ts')
    const source = new URL('../../adapters/embedded/embedded-dynalite.ts', import.meta.url).pathname
    await writeFile(
      parentFile,
      `import { startDynalite } from ${JSON.stringify(source)}
       startDynalite({ folder: ${JSON.stringify(join(folder, 'data'))}, port: 0 }).then(({ pid }) => console.log(pid))`,
    )
    const tsx = new URL('../../node_modules/tsx/dist/loader.mjs', import.meta.url).href
    const parent = spawn(process.execPath, ['--import', tsx, parentFile], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(parent.stdout, 'data')) as [Buffer]
    const pid = Number(line.toString())
    expect(isAlive(pid)).toBe(true)
    parent.kill('SIGKILL')
    await expect.poll(() => isAlive(pid), { timeout: 5_000 }).toBe(false)
  })
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
