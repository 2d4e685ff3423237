import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keepWatcherState, readWatcherState } from './watcher-state.js'

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'watcher-state-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

test('what was handed on is read back as it was, and by the release before as the numbers that it knows', async () => {
  const path = join(dir, 'watcher.json')
  const { state } = await readWatcherState(path)
  const handed = ['57@2001-01-01T00:00:00Z', '58']
  const log = { info() {}, warn() {}, error() {} }
  await keepWatcherState(path, log).write(() => ({ ...state, handed }))
  expect(await readWatcherState(path)).toEqual({ state: { ...state, handed }, problem: null })
  const { handedInFull: _, ...written } = JSON.parse(readFileSync(path, 'utf8')) as { readonly handedInFull: unknown }
  expect(written).toMatchObject({ handed: ['57', '58'] })
  // As that release writes it on.
  writeFileSync(path, JSON.stringify({ ...written, handed: ['58'] }))
  expect((await readWatcherState(path)).state.handed).toEqual(['58'])
})
