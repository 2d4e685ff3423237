import { existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { outputHere } from './output-here.js'

const folder = mkdtempSync(join(tmpdir(), 'output-here-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('of those that replace one folder at once, what fails leaves no manifest', async () => {
  const drafted = async (out: string, name: string) => {
    const output = await outputHere({ out: `${out}/`, partRows: 1, overwrite: true }, null)
    writeFileSync(output.draft(0), name)
    return async () => {
      await output.publish(name, { parts: 1, keptSpine: null }).finally(() => output.discard())
      return name
    }
  }
  for (let round = 0; round < 20; round++) {
    const out = join(folder, `set-${round}`)
    const all = await Promise.all(['a', 'b', 'c'].map((name) => drafted(out, name)))
    const ended = await Promise.allSettled(all.map((each) => each()))
    const made = ended.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    expect(made).toContain(readFileSync(`${out}.manifest.json`, 'utf8'))
  }
})

test('what was left by a process of the same id that was killed is in nobody’s way', async () => {
  const place = join(folder, 'restarted')
  mkdirSync(join(place, 'set'), { recursive: true })
  const out = join(place, 'set/')
  for (let number = 0; number < 200; number++)
    mkdirSync(join(place, `.training-set-${hostname()}-${process.pid}-${number}.draft`))
  mkdirSync(join(place, `set.replaced-${process.pid}`))
  writeFileSync(join(place, `set.replaced-${process.pid}`, 'part-00000.parquet'), 'of a set that was to be replaced')
  const output = await outputHere({ out, partRows: 1, overwrite: true }, null)
  writeFileSync(output.draft(0), 'rows')
  await output.publish('{}', { parts: 1, keptSpine: null }).finally(() => output.discard())
  expect(readFileSync(join(out, 'part-00000.parquet'), 'utf8')).toBe('rows')
  expect(existsSync(join(place, `set.replaced-${process.pid}`, 'part-00000.parquet'))).toBe(true)
  expect(readdirSync(place).filter((name) => name.startsWith('set.replaced'))).toHaveLength(1)
})

test('rows of a query that got their name from a process that was killed before it named its manifest are removed', async () => {
  const place = join(folder, 'killed')
  mkdirSync(place)
  const draft = (number: number) =>
    join(place, `.training-set-${hostname()}-${2 ** 22 + 1}-${number}.draft.spine.parquet`)
  const kept = (out: string) => join(place, `${out}.spine-0123456789abcdef.parquet`)
  // Killed before the manifest, killed after it, and never killed.
  for (const [number, out] of ['a.parquet', 'b.parquet', 'c.parquet'].entries()) {
    writeFileSync(draft(number), out)
    if (out === 'c.parquet') writeFileSync(kept(out), out)
    else linkSync(draft(number), kept(out))
  }
  writeFileSync(join(place, 'b.parquet.manifest.json'), JSON.stringify({ asked: { spine: kept('b.parquet') } }))
  await outputHere({ out: join(place, 'd.parquet'), partRows: null }, null)
  expect(readdirSync(place).toSorted()).toEqual([
    'b.parquet.manifest.json',
    'b.parquet.spine-0123456789abcdef.parquet',
    'c.parquet.spine-0123456789abcdef.parquet',
  ])
})
