import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openDuckdb } from './client.js'

const spillDir = mkdtempSync(join(tmpdir(), 'spill-'))
afterAll(() => rmSync(spillDir, { recursive: true }))

test('what a process has spilled that died is removed, also one of the same id, as in a container that is started again', async () => {
  const mine = `duckdb-${hostname()}`
  const gone = 2 ** 22 + 1
  // Of another host whose name begins like this one's, of a process that lives, and of one of this id that did a moment ago.
  const others = [`${mine}-${gone}-1-00`, `${mine}-${process.ppid}-00`, `${mine}-${process.pid}-01`]
  for (const name of [`${mine}-${gone}-00`, `${mine}-${process.pid}-00`, ...others]) {
    mkdirSync(join(spillDir, name))
    writeFileSync(join(spillDir, name, 'duckdb_temp_storage-0.tmp'), 'rows')
  }
  const silent = new Date(Date.now() - 700_000)
  utimesSync(join(spillDir, `${mine}-${process.pid}-00`), silent, silent)
  const options = { spillDir, memoryLimitMb: 100, threads: 1 }
  const first = await openDuckdb(options)
  const second = await openDuckdb(options)
  const own = [first, second].map(({ spillFolder }) => basename(spillFolder))
  expect(readdirSync(spillDir).sort()).toEqual([...others, ...own].sort())
  await first.close()
  await second.close()
  expect(readdirSync(spillDir).sort()).toEqual(others.sort())
})
