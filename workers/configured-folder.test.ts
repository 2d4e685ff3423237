import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { makeFoldersOf } from './configured-folder.js'

const dir = mkdtempSync(join(tmpdir(), 'millcourse-configured-'))
afterAll(() => rmSync(dir, { recursive: true }))

const config = {
  lake: pathToFileURL(join(dir, 'lake')).href,
  engine: { spillDir: join(dir, 'spill', 'deep') },
  watcher: { stateDir: join(dir, 'watch') },
}

test('a process has the folders it writes to, and makes no others', async () => {
  await makeFoldersOf('server', config)
  await makeFoldersOf('watcher', config)
  expect(existsSync(config.engine.spillDir)).toBe(false)
  await makeFoldersOf('worker', { ...config, lake: 's3://lake/shop' })
  await makeFoldersOf('worker', config)
  for (const folder of [join(dir, 'lake'), config.engine.spillDir, config.watcher.stateDir])
    expect(statSync(folder).isDirectory()).toBe(true)
})

describe.skipIf(!existsSync('/proc/self'))('a folder that cannot be made', () => {
  test.each([
    ['worker', 'MILLCOURSE_SPILL_DIR', { ...config, engine: { spillDir: '/proc/nope' } }],
    ['worker', 'MILLCOURSE_LAKE', { ...config, lake: '/proc/nope/lake' }],
    ['watcher', 'MILLCOURSE_WATCH_STATE_DIR', { ...config, watcher: { stateDir: '/proc/nope' } }],
  ] as const)('ends the %s at its start and names %s', async (name, variable, broken) => {
    const why = { code: 'CONFIG_INVALID', message: expect.stringContaining(variable) }
    await expect(makeFoldersOf(name, broken)).rejects.toMatchObject(why)
  })
})
