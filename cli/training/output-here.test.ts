import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
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
