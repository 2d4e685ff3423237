/** Committed files that are not what they were: told from the ledger and the lake alone, also where no window reaches and nothing is drawn. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type DamagedFiles, type DamagedInput, damagedFiles, digestedMax } from '../../activities/damaged-files.js'
import { filePlaces } from '../../activities/file-places.js'
import { toLakeError } from '../../adapters/files/errors.js'
import { createFilesLake } from '../../adapters/files/files-lake.js'
import { type ErrorCode, MillcourseError } from '../../core/errors.js'
import type { Compaction } from '../../core/ports/compaction-ledger.js'
import type { Lake } from '../../core/ports/lake.js'
import type { Commit } from '../../core/ports/ledger.js'

const count = 130
let root = ''
let commits: Commit[] = []
beforeAll(async () => {
  root = await mkdtemp(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'damaged-files-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

const lakeOf = () => createFilesLake(root)
const pathOf = (at: number) => `tiles/sales/v1/${String(at).padStart(4, '0')}/run.parquet`
const fileOf = (at: number) => join(root, pathOf(at))

beforeEach(async () => {
  await rm(root, { recursive: true, force: true })
  const lake = lakeOf()
  commits = await Promise.all(
    Array.from({ length: count }, async (_, at): Promise<Commit> => {
      await lake.prepareWrite(pathOf(at))
      await writeFile(fileOf(at), `hour ${at}`)
      const data = { path: pathOf(at), rows: 1, ...(await lake.digest(pathOf(at)))! }
      return { ...others, commitId: BigInt(at), interval: { start: BigInt(at), end: BigInt(at + 1) }, data }
    }),
  )
})
const others = { runId: 'run', number: 1, isRejected: false, publishedSequence: null, committedAt: 0n }

interface Given {
  readonly standing?: number[]
  readonly named?: number[]
  readonly seed?: number
  readonly reached?: number
  readonly compactions?: Compaction[]
  readonly limit?: DamagedInput['limit']
  readonly lake?: Lake
}

async function look(given: Given = {}): Promise<DamagedFiles> {
  const {
    standing = [],
    named = [],
    seed = 1,
    reached = 0,
    compactions = [],
    limit = digestedMax,
    lake = lakeOf(),
  } = given
  const places = filePlaces(lake, commits, compactions)
  const [near, older] = [commits.slice(count - reached), commits.slice(0, count - reached)]
  const uriOf = (at: number) => lake.uri(pathOf(at))
  const input: DamagedInput = {
    ...{ commits: near, others: older, places, seed, limit },
    standing: new Map(standing.map((at) => [uriOf(at), changed] as const)),
    named: new Set([...standing, ...named].map(uriOf)),
  }
  return await damagedFiles(lake, input, new AbortController().signal)
}

async function found(given: Given = {}): Promise<Record<string, string>> {
  const { damaged } = await look(given)
  return Object.fromEntries([...damaged].map(([uri, fault]) => [uri.slice(root.length + 1), fault]))
}

const changed = 'is not what was committed'
/** Other bytes, as many. */
const edit = (at: number) => writeFile(fileOf(at), `HOUR ${at}`)

/** As a server above a folder has it: the etag is what it was. */
async function editBelow(at: number): Promise<void> {
  await edit(at)
  const { etag } = (await lakeOf().head(pathOf(at)))!
  commits[at] = { ...commits[at]!, data: { ...commits[at]!.data!, etag } }
}

test('an older file that is gone, or of another size, is found whatever is drawn, also of a release that kept no digests', async () => {
  const { sha256: _, etag: __, ...former } = commits[1]!.data!
  commits[1] = { ...commits[1]!, data: former }
  await rm(fileOf(0))
  await writeFile(fileOf(1), 'short')
  for (const seed of [1, 2, 3])
    expect(await found({ seed })).toEqual({ [pathOf(0)]: 'cannot be read', [pathOf(1)]: changed })
})

test('another etag says nothing, but has the file read; put back it is what it was', async () => {
  await edit(7)
  await writeFile(fileOf(8), await readFile(fileOf(8)))
  for (const seed of [1, 2]) expect(await found({ seed })).toEqual({ [pathOf(7)]: changed })
  await writeFile(fileOf(7), 'hour 7')
  expect(await found()).toEqual({})
})

/** Each file has as many bytes, about: so many are read of each kind. */
const limitOf = (files: number) => ({ files, bytes: 1024 ** 3 })

test('what was changed below the store is found where windows reach it, or it was at fault before, else by chance', async () => {
  await editBelow(count - 1)
  await editBelow(0)
  const limit = limitOf(80)
  const seedOf = new Map<boolean, number>()
  for (let seed = 1; seedOf.size < 2 && seed < 30; seed++) {
    const one = await found({ seed, reached: 5, limit })
    expect(one).toHaveProperty([pathOf(count - 1)], changed)
    seedOf.set(pathOf(0) in one, seed)
  }
  expect(seedOf.size).toBe(2)
  expect(await found({ named: [0], seed: seedOf.get(false)!, limit })).toHaveProperty([pathOf(0)], changed)
})

test('each file is read within some checks, whatever else is there to read, by files and by bytes', async () => {
  const sizeBytes = commits.reduce((sum, { data }) => sum + data!.sizeBytes, 0)
  const edited = [0, 20, 60, 129]
  for (const at of edited) await editBelow(at)
  for (const limit of [limitOf(48), { files: 1_000, bytes: sizeBytes / 3 }]) {
    const seen = new Set<string>()
    for (let seed = 1; seed <= 60 && seen.size < edited.length; seed++)
      for (const path of Object.keys(await found({ seed, reached: 80, standing: [0], limit }))) seen.add(path)
    expect([...seen].sort()).toEqual(edited.map(pathOf))
  }
})

test('a file at fault that has no turn to be read stays so, before those of rows at fault; read, it is what it is', async () => {
  for (const at of [3, 5]) await editBelow(at)
  const standing = [3, 4, 5]
  const { damaged, unread } = await look({ standing, limit: { files: 0, bytes: 0 } })
  expect(unread.size).toBe(3)
  for (const uri of unread) expect(damaged.get(uri)).toBe(changed)
  expect((await look({ standing, named: [9, 10], limit: { files: 4, bytes: 1 } })).unread.size).toBeLessThan(3)
  expect(await found({ standing })).toEqual({ [pathOf(3)]: changed, [pathOf(5)]: changed })
})

test('an own file that a compaction stands for may go once it is marked, and counts until then: few hours are read from it', async () => {
  const compaction: Compaction = {
    ...{ compactionId: 1n, span: { start: 0n, end: 2n }, isCurrent: true, recordedAt: 0n },
    ...{ commitIds: [0n, 1n], removedIds: [], files: [] },
  }
  const path = 'compacted/sales/v1/000000000001/0-of-1.parquet'
  await lakeOf().writeIfAbsent(path, new Uint8Array(9))
  const file = { path, rows: 2, bucket: { number: 0, of: 1 }, ...(await lakeOf().digest(path))! }
  await rm(fileOf(0))
  await edit(1)
  const own = { [pathOf(0)]: 'cannot be read', [pathOf(1)]: changed }
  expect(await found()).toEqual(own)
  expect(await found({ compactions: [{ ...compaction, files: [file] }] })).toEqual(own)
  expect(await found({ compactions: [{ ...compaction, files: [file], removedIds: [0n, 1n] }] })).toEqual({})
  await rm(join(root, path))
  expect(await found({ compactions: [{ ...compaction, files: [file], removedIds: [0n, 1n] }] })).toEqual({
    [path]: 'cannot be read',
  })
})

test('a file that cannot be read, as of a bad block or an archived object, is at fault; where no other can be either, nothing is said', async () => {
  const whole = lakeOf()
  const failing = (isBad: (uri: string) => boolean, code?: ErrorCode): Lake => {
    const digest: Lake['digest'] = async (uri) => (isBad(uri) ? refuse(uri, code) : await whole.digest(uri))
    const readRange: Lake['readRange'] = async (uri, start, length) =>
      isBad(whole.uri(uri)) ? refuse(uri, code) : await whole.readRange(uri, start, length)
    return new Proxy(whole, {
      get: (of, name) => {
        const own: unknown = { digest, readRange }[name as 'digest'] ?? Reflect.get(of, name, of)
        return typeof own === 'function' ? own.bind(of) : own
      },
    })
  }
  const refuse = (uri: string, code?: ErrorCode): never => {
    if (code) throw new MillcourseError(code, `${uri} was refused`, { facts: { file: uri } })
    throw toLakeError(Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' }), uri)
  }
  const bad = fileOf(count - 1)
  expect(await found({ reached: 1, lake: failing((uri) => uri === bad) })).toEqual({
    [pathOf(count - 1)]: 'cannot be read',
  })
  await expect(found({ lake: failing(() => true) })).rejects.toMatchObject({ code: 'LAKE_UNREACHABLE' })
  // A request that one object alone refuses: of a key of the client's own, say. Most of the older ones are archived.
  const { etag } = (await whole.head(pathOf(9)))!
  commits[9] = { ...commits[9]!, data: { ...commits[9]!.data!, etag: `${etag}!` } }
  for (const code of ['CONFIG_INVALID', 'LAKE_ACCESS_DENIED'] as const) {
    const isOld = (uri: string) => commits.slice(0, -2).some((_, at) => uri === fileOf(at))
    const lake = failing(isOld, code)
    expect(await found({ reached: 2, limit: limitOf(8), lake })).toHaveProperty([pathOf(9)], 'cannot be read')
  }
  await rm(root, { recursive: true })
  await expect(found()).rejects.toMatchObject({ code: 'LAKE_UNREACHABLE' })
  await lakeOf().writeIfAbsent(pathOf(count - 1), Buffer.from(`hour ${count - 1}`))
  commits = commits.slice(-1)
  await expect(found({ lake: failing((uri) => uri === bad) })).rejects.toMatchObject({ code: 'LAKE_UNREACHABLE' })
  await lakeOf().writeIfAbsent('rows/another/v1/0/run.parquet', new Uint8Array(9))
  expect(await found({ lake: failing((uri) => uri === bad) })).toEqual({ [pathOf(count - 1)]: 'cannot be read' })
})
