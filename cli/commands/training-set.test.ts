import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CliContext } from '../context.js'
import { trainingSet } from './training-set.js'

let folder: string
let spine: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'training-set-'))
  spine = join(folder, 'spine.parquet')
  writeFileSync(spine, 'the only copy')
  writeFileSync(join(folder, 'old.parquet'), 'an older set')
  mkdirSync(join(folder, 'sets.parquet'))
  symlinkSync(spine, join(folder, 'link.parquet'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** What is asked for is refused before any store is opened: a context that has none is enough. */
const context = { clock: { monotonicMs: () => 0 } } as unknown as CliContext

test.each([
  ['the spine itself', 'spine.parquet', /this is the spine/],
  ['another name of the spine', 'link.parquet', /this is the spine/],
  ['a file that is there', 'old.parquet', /this file exists/],
  ['a name that does not say Parquet', 'train.csv', /a training set is Parquet/],
  ['a folder', 'sets.parquet', /this is a folder/],
  ['a folder that is not there', 'nowhere/train.parquet', /there is no folder .*nowhere/],
])('refuses to write to %s, and leaves the spine as it was', async (_, out, message) => {
  const options = { spine, eventTime: 'at', features: ['view:feature'], out: join(folder, out) }
  await expect(trainingSet(context, options)).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringMatching(message),
  })
  expect(readFileSync(spine, 'utf8')).toBe('the only copy')
})

test('a folder is neither a spine, nor a query, nor a manifest, and the error says so', async () => {
  const place = join(folder, 'sets.parquet')
  const asked = { eventTime: 'at', features: ['view:feature'], out: join(folder, 'new.parquet') }
  await expect(trainingSet(context, { ...asked, spine: place })).rejects.toMatchObject({
    code: 'TRAINING_SPINE_INVALID',
    message: `${place} is a folder`,
    detail: { hint: expect.stringContaining(`--spine-sql "SELECT * FROM '${place}/*.parquet'"`) },
  })
  const query = join(folder, 'spine.sql')
  mkdirSync(query)
  await expect(trainingSet(context, { ...asked, spineSql: query })).rejects.toMatchObject({
    code: 'TRAINING_SPINE_INVALID',
    message: `${query} is a folder`,
  })
  await expect(trainingSet(context, { rebuild: place, out: asked.out })).rejects.toMatchObject({
    code: 'TRAINING_MANIFEST_INVALID',
    message: `${place} is a folder`,
  })
})

test.each([
  ['for ever', '999999999d', /too long/],
  ['nothing that is a duration', 'always', /not a duration/],
])('what is to be kept %s is refused before the work', async (_, keep, message) => {
  const asked = { spine, eventTime: 'at', features: ['view:feature'], out: join(folder, 'new.parquet') }
  await expect(trainingSet(context, { ...asked, keep })).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringMatching(message),
  })
})

test('a set that is taken for its manifest is not read, be it larger than memory', async () => {
  for (const sizeBytes of [0, 2 ** 40]) {
    const rebuild = join(folder, 'train.parquet')
    writeFileSync(rebuild, sizeBytes === 0 ? '' : 'PAR1')
    truncateSync(rebuild, sizeBytes)
    await expect(trainingSet(context, { rebuild, out: join(folder, 'new.parquet') })).rejects.toMatchObject({
      code: 'TRAINING_MANIFEST_INVALID',
      message: expect.stringContaining('it is not JSON'),
    })
  }
})
