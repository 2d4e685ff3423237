import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { makeFolder } from './make-folder.js'

const dir = mkdtempSync(join(tmpdir(), 'millcourse-folders-'))
afterAll(() => rmSync(dir, { recursive: true }))

test('all levels are made, by several at once and again', async () => {
  const folder = join(dir, 'a', 'b', 'c')
  await Promise.all([makeFolder(folder), makeFolder(folder), makeFolder(join(folder, 'd'))])
  await makeFolder(folder)
  expect(statSync(join(folder, 'd')).isDirectory()).toBe(true)
})

test('a file in the way is said', async () => {
  writeFileSync(join(dir, 'file'), '')
  await expect(makeFolder(join(dir, 'file'))).rejects.toMatchObject({ code: 'ENOTDIR' })
  await expect(makeFolder(join(dir, 'file', 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' })
})

test.skipIf(!existsSync('/proc/self'))('where no folder can be made it ends, and says so', async () => {
  await expect(makeFolder('/proc/nope/below')).rejects.toMatchObject({ code: 'EROFS' })
})
