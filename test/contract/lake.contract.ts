/** What every Lake must do; run on each adapter against the real thing. A skip carries its reason. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Lake, LakeFile } from '../../core/ports/lake.js'

export interface LakeUnderTest {
  readonly lake: Lake
  /** Puts bytes at a place that `prepareWrite` made ready, as the query engine does. */
  writeAsEngine(uri: string, bytes: Uint8Array): Promise<void>
  dispose(): Promise<void>
}

export interface LakeContractOptions {
  readonly newLake: () => Promise<LakeUnderTest>
  readonly skip?: readonly { readonly reason: string; readonly tests: readonly string[] }[]
}

const text = (value: string) => new TextEncoder().encode(value)

export function lakeContract(name: string, { newLake, skip = [] }: LakeContractOptions): void {
  const skipped = new Set(skip.flatMap((entry) => entry.tests))
  const holds = (title: string, body: () => Promise<void>) => {
    if (!skipped.has(title)) test(title, body)
  }

  describe(`Lake contract: ${name}`, () => {
    let home: LakeUnderTest
    let lake: Lake
    let folder = ''
    let count = 0
    beforeAll(async () => {
      home = await newLake()
      lake = home.lake
    })
    beforeEach(() => {
      folder = `t${count++}`
    })
    afterAll(() => home.dispose())

    const list = async (prefix: string): Promise<LakeFile[]> => {
      const files: LakeFile[] = []
      for await (const file of lake.list(prefix)) files.push(file)
      return files
    }
    const paths = async (prefix: string) => (await list(prefix)).map((file) => file.path)

    holds('what is written is read back, and a second write changes nothing', async () => {
      const path = `${folder}/a/b.json`
      expect(await lake.writeIfAbsent(path, text('first'))).toBe('written')
      expect(await lake.writeIfAbsent(path, text('second'))).toBe('exists')
      expect(Buffer.from(await lake.read(path)).toString()).toBe('first')
      expect(await lake.head(path)).toMatchObject({ path, sizeBytes: 5 })
    })

    holds('a part of a file is read alone, and ends where the file ends', async () => {
      const path = `${folder}/part`
      await lake.writeIfAbsent(path, text('0123456789'))
      const part = async (start: number, length: number) =>
        Buffer.from(await lake.readRange(lake.uri(path), start, length)).toString()
      expect(await part(0, 4)).toBe('0123')
      expect(await part(6, 4)).toBe('6789')
      expect(await part(8, 100)).toBe('89')
      await expect(lake.readRange(`${folder}/absent`, 0, 1)).rejects.toMatchObject({ code: 'LAKE_FILE_MISSING' })
    })

    holds('the digest of a file is of all its bytes, and bears its etag; of an absent one there is none', async () => {
      const path = `${folder}/digested`
      const bytes = new Uint8Array(3_000_000).map((_, at) => at % 251)
      await lake.writeIfAbsent(path, bytes)
      const { etag, sizeBytes } = (await lake.head(path))!
      const sha256 = createHash('sha256').update(bytes).digest('hex')
      for (const name of [path, lake.uri(path)]) expect(await lake.digest(name)).toEqual({ sha256, etag, sizeBytes })
      expect(await lake.digest(`${folder}/absent`)).toBeNull()
    })

    holds('of many writers at once exactly one writes', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 16 }, (_, n) => lake.writeIfAbsent(`${folder}/one`, text(`writer ${n}`))),
      )
      expect(outcomes.filter((outcome) => outcome === 'written')).toHaveLength(1)
      const winner = outcomes.indexOf('written')
      expect(Buffer.from(await lake.read(`${folder}/one`)).toString()).toBe(`writer ${winner}`)
      expect(await paths(`${folder}/`)).toEqual([`${folder}/one`])
    })

    holds('an absent file is null to head, an error to read, nothing to remove', async () => {
      expect(await lake.head(`${folder}/nothing`)).toBeNull()
      await expect(lake.read(`${folder}/nothing`)).rejects.toMatchObject({ code: 'LAKE_FILE_MISSING' })
      await lake.remove(`${folder}/nothing`)
      expect(await list(`${folder}/nothing/`)).toEqual([])
    })

    holds('a folder is no file', async () => {
      await lake.writeIfAbsent(`${folder}/dir/file`, text('x'))
      expect(await lake.head(`${folder}/dir`)).toBeNull()
    })

    holds('a listing is in byte order of whole paths, whatever the folders', async () => {
      const names = ['a/x', 'a-b', 'a.b/y', 'a0', 'B', 'é', 'z/1/2', 'z/10'].map((name) => `${folder}/${name}`)
      for (const name of names.toReversed()) await lake.writeIfAbsent(name, text(name))
      const sorted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      expect(await paths(`${folder}/`)).toEqual(sorted)
    })

    holds('a prefix may end within a name', async () => {
      for (const name of ['run-1/x', 'run-10/x', 'run-2/x']) await lake.writeIfAbsent(`${folder}/${name}`, text('x'))
      expect(await paths(`${folder}/run-1`)).toEqual([`${folder}/run-1/x`, `${folder}/run-10/x`])
      expect(await paths(`${folder}/run-1/`)).toEqual([`${folder}/run-1/x`])
    })

    holds('a range is listed from its first path up to, not with, its last, whatever the folders', async () => {
      const names = ['h=00/x', 'h=01.x', 'h=01/a', 'h=01/b/c', 'h=010/x', 'h=02/a', 'h=1/x'].map(
        (name) => `${folder}/${name}`,
      )
      for (const name of names) await lake.writeIfAbsent(name, text('x'))
      const listed = async (prefix: string, from: string, below: string) => {
        const found: string[] = []
        const range = { from: `${folder}/${from}`, below: `${folder}/${below}` }
        for await (const file of lake.list(`${folder}/${prefix}`, range)) found.push(file.path.slice(folder.length + 1))
        return found
      }
      expect(await listed('', 'h=01/', 'h=02/')).toEqual(['h=01/a', 'h=01/b/c', 'h=010/x'])
      expect(await listed('h=0', 'h=01', 'h=02/a\u{10ffff}')).toEqual([
        'h=01.x',
        'h=01/a',
        'h=01/b/c',
        'h=010/x',
        'h=02/a',
      ])
      expect(await listed('', 'h=01/b', 'h=01/b/d')).toEqual(['h=01/b/c'])
      expect(await listed('', 'h=03', 'h=09')).toEqual([])
      const whole = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      expect(await listed('', 'h', 'i')).toEqual(whole.map((name) => name.slice(folder.length + 1)))
    })

    holds('odd names are names', async () => {
      const names = [
        "it's",
        'a b',
        '100%25',
        '%2e%2e',
        'q?u*e[s]t',
        'ünïcode-日本',
        '"quoted"',
        'x=1&y#z',
        '..x',
        '-rf',
      ]
      for (const name of names) await lake.writeIfAbsent(`${folder}/${name}/f`, text(name))
      expect((await paths(`${folder}/`)).toSorted()).toEqual(names.map((name) => `${folder}/${name}/f`).toSorted())
      for (const name of names) expect(Buffer.from(await lake.read(`${folder}/${name}/f`)).toString()).toBe(name)
    })

    holds('a path never leaves the root', async () => {
      for (const path of ['../x', 'a/../../x', 'a/./b', 'a//b', '', '.', '..', 'a\0b', '/etc/x']) {
        await expect(lake.writeIfAbsent(path, text('x')), path).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
        await expect(lake.prepareWrite(path), path).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
        await expect(lake.finishWrite(path), path).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
        await expect(lake.remove(path), path).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
        await expect(lake.promote(path, 'ok'), path).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
        await expect(lake.promote('ok', path), path).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
        await expect(lake.replace('ok', path), path).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
      }
      for (const path of ['../x', 'a/../../x']) {
        await expect(lake.read(path), path).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
        await expect(lake.head(path), path).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
        await expect(list(path), path).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
      }
    })

    holds('what the engine has written is promoted whole, once, and may be promoted again', async () => {
      const [from, to] = [`${folder}/candidates/data.parquet`, `${folder}/rows/final.parquet`]
      await lake.prepareWrite(from)
      await home.writeAsEngine(lake.uri(from), text('candidate'))
      expect(await lake.promote(from, to)).toBe('written')
      expect(Buffer.from(await lake.read(to)).toString()).toBe('candidate')
      expect(await lake.head(from)).toBeNull()
      expect(await lake.promote(from, to)).toBe('exists')
    })

    holds('what the engine has written in its place is finished there, as often as is asked', async () => {
      const path = `${folder}/compacted/part.parquet`
      await lake.prepareWrite(path)
      await home.writeAsEngine(lake.uri(path), text('part'))
      for (let time = 0; time < 2; time++) await lake.finishWrite(path)
      expect(Buffer.from(await lake.read(path)).toString()).toBe('part')
    })

    holds('a promotion onto an existing file keeps it and removes the source', async () => {
      const [from, to] = [`${folder}/from`, `${folder}/to`]
      await lake.writeIfAbsent(from, text('late'))
      await lake.writeIfAbsent(to, text('kept'))
      expect(await lake.promote(from, to)).toBe('exists')
      expect(Buffer.from(await lake.read(to)).toString()).toBe('kept')
      expect(await lake.head(from)).toBeNull()
    })

    holds('what is replaced gives its place to the source, which may be asked for again', async () => {
      const [from, to] = [`${folder}/next`, `${folder}/now`]
      for (const content of ['first', '', 'third']) {
        await lake.writeIfAbsent(from, text(content))
        for (const _ of ['once', 'again']) await lake.replace(from, to)
        expect(Buffer.from(await lake.read(to)).toString()).toBe(content)
        expect(await lake.head(from)).toBeNull()
      }
    })

    holds('promoting what does not exist is an error', async () => {
      for (const place of ['promote', 'replace'] as const)
        await expect(lake[place](`${folder}/none`, `${folder}/to`)).rejects.toMatchObject({ code: 'LAKE_FILE_MISSING' })
    })

    holds('the etag changes with the content, also at the same size', async () => {
      const path = `${folder}/swapped`
      await lake.writeIfAbsent(path, text('aaaa'))
      const before = await lake.head(path)
      expect(await lake.head(path)).toEqual(before)
      await lake.remove(path)
      await lake.writeIfAbsent(path, text('bbbb'))
      expect((await lake.head(path))?.etag).not.toBe(before?.etag)
    })

    holds('reading takes what uri returned', async () => {
      const path = `${folder}/a b%20'.bin`
      await lake.writeIfAbsent(path, text('there'))
      const uri = lake.uri(path)
      expect(lake.uri(uri)).toBe(uri)
      expect(Buffer.from(await lake.read(uri)).toString()).toBe('there')
      expect((await lake.head(uri))?.etag).toBe((await lake.head(path))?.etag)
    })
  })
}
