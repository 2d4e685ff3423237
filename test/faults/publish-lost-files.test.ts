/** Files and tables that go missing under a publish: nothing stays wrong online. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import { toJsonValue } from '../../core/serve/index.js'
import { nestedAnswers, nestedBundle, nestedRows } from '../support/nested-values.js'
import {
  type Bundle,
  Crash,
  counts,
  crashingAfter,
  lookupBundle,
  neverLoading,
  row,
  windowBundle,
} from '../support/publish-fixtures.js'
import { damage, damageBehindFooter, type PublishRig, startPublishRig, tableOf } from '../support/publish-rig.js'

describe('publishing when something is lost', () => {
  let rig: PublishRig
  beforeAll(async () => {
    rig = await startPublishRig()
  })
  afterAll(() => rig?.stop())

  const deltasOf = async (bundle: Bundle) => {
    const paths: string[] = []
    for await (const { path } of rig.deps.lake.list(`published/${bundle.view.name}/`))
      if (path.endsWith('-delta.parquet')) paths.push(path)
    return paths
  }

  test.each(['lookup', 'window'] as const)(
    'R36: when the delta of an unfinished publish of a %s view is lost, every key is written anew',
    async (kind) => {
      const bundle = kind === 'lookup' ? lookupBundle() : windowBundle()
      await rig.commit(bundle, 0, [row(bundle, 1, 'ATL', 1), row(bundle, 2, 'JFK', 1)])
      await rig.publish(bundle)
      await rig.commit(bundle, 0, [row(bundle, 1, 'ATL', 2), row(bundle, 2, 'JFK', 1), row(bundle, 3, 'LAX', 1)])
      const dying = rig.worker({ online: crashingAfter(rig.deps.online, 1) })
      await expect(rig.publish(bundle, {}, dying)).rejects.toThrow(Crash)
      await rig.deps.lake.remove((await deltasOf(bundle)).at(-1)!)
      // LAX was never online, and is in no commit that counts.
      await rig.commit(bundle, 0, [row(bundle, 1, 'ATL', 1), row(bundle, 2, 'JFK', 1)])
      expect(await rig.publish(bundle)).toMatchObject({ kind: 'finished', itemsWritten: 3 })
      const sequences = new Set<bigint>()
      for await (const page of rig.deps.online.scan(await tableOf(rig.deps, bundle)))
        for (const { sequence } of page) sequences.add(sequence)
      expect(sequences).toEqual(new Set([3n]))
      expect((await rig.read(bundle, ['LAX'])).status).toBe('missing')
    },
  )

  test('R20: lists and maps come back as they were, and equal themselves after a scan of the table', async () => {
    const bundle = nestedBundle()
    await rig.commit(bundle, 0, nestedRows(bundle))
    expect(await rig.publish(bundle)).toMatchObject({ kind: 'finished', itemsWritten: 1 })
    const { values } = await rig.read(bundle, [1n])
    expect(values).toEqual(nestedAnswers)
    const json = bundle.view.features.map(({ name, type }) => [name, toJsonValue(type, values[name]!)])
    expect(Object.fromEntries(JSON.parse(JSON.stringify(json)))).toMatchObject({
      rates: [0.1, 'Infinity', 0, 'NaN'],
      price_by_big: { '-1': '1.49', '9007199254740993': '1.50' },
      seens_by_label: { NULL: ['2000-12-31T23:58:00Z'] },
    })
    for await (const { path } of rig.deps.lake.list('published/nested/')) await damage(rig.deps, path)
    await rig.commit(bundle, 0, nestedRows(bundle))
    expect(await rig.publish(bundle)).toMatchObject({ kind: 'finished', itemsWritten: 0, keyCounts: { unchanged: 1 } })
  })

  test('R36: a recorded delta that is lost is not continued: a new publish begins', async () => {
    const bundle = lookupBundle()
    await rig.commit(bundle, 0, [row(bundle, 1, 'ATL', 1), row(bundle, 2, 'JFK', 1)])
    const silent = { ...neverLoading(rig.deps.ledger), releaseLease: async () => {} }
    const dying = rig.worker({ online: crashingAfter(rig.deps.online, 1), ledger: silent })
    await expect(rig.publish(bundle, { workflowRunId: 'lost' }, dying)).rejects.toThrow(Crash)
    await damage(rig.deps, (await deltasOf(bundle))[0]!)
    expect(await rig.publish(bundle, { workflowRunId: 'lost', attempt: 2 })).toMatchObject({ kind: 'finished' })
    expect(await rig.deps.online.getEnd(await tableOf(rig.deps, bundle))).toMatchObject({ sequence: 2n })
  })

  test.each(['lookup', 'window'] as const)(
    'a dropped table of a %s view is filled again, also with keys that nobody touched',
    async (kind) => {
      const bundle = kind === 'lookup' ? lookupBundle() : windowBundle()
      await rig.commit(bundle, 0, [row(bundle, 1, 'ATL', 1), row(bundle, 2, 'JFK', 1)])
      await rig.publish(bundle)
      await rig.deps.online.dropTable(await tableOf(rig.deps, bundle))
      await rig.commit(bundle, 1, [row(bundle, 61, 'ATL', 2)])
      expect(await rig.publish(bundle)).toMatchObject({ kind: 'finished', itemsWritten: 2 })
      expect((await rig.online(bundle)).get('JFK')).toBeTruthy()
    },
  )

  test('a lost or damaged cache file is replaced by a scan, and nothing is written that is already there', async () => {
    const bundle = lookupBundle()
    await rig.commit(bundle, 0, [
      row(bundle, 1, 'ATL', "'-0.0'::DOUBLE"),
      row(bundle, 2, 'JFK', 'NULL'),
      row(bundle, 3, 'LAX', "'NaN'::DOUBLE"),
    ])
    await rig.commit(bundle, 1, [row(bundle, 62, 'LAX', 3, 'true')])
    await rig.publish(bundle)
    const files = async () => {
      const paths: string[] = []
      for await (const file of rig.deps.lake.list(`published/${bundle.view.name}/`)) paths.push(file.path)
      return paths
    }
    for (const path of await files()) await damage(rig.deps, path)
    await rig.commit(bundle, 2, [])
    expect(await rig.publish(bundle)).toMatchObject({ kind: 'finished', keyCounts: counts(3, 0, 3), itemsWritten: 0 })
    for (const path of await files()) await rig.deps.lake.remove(path)
    await rig.commit(bundle, 3, [row(bundle, 181, 'ATL', 4)])
    expect(await rig.publish(bundle)).toMatchObject({ keyCounts: counts(3, 1, 2), itemsWritten: 1 })
    expect(await files()).toHaveLength(2)
  })

  /** As after so many hours: the cache's files, each named again and again, are too many and have to be merged. */
  const manyFiles = (ledger: LedgerWriter): LedgerWriter => ({
    ...ledger,
    openPublish: async (request) => {
      const opened = await ledger.openPublish(request)
      if (opened.kind === 'nothing' || opened.kind === 'busy' || opened.publish.published === null) return opened
      const { published } = opened.publish
      const files = Array.from({ length: 33 }, (_, index) => published.files[index % published.files.length]!)
      return { ...opened, publish: { ...opened.publish, published: { ...published, files } } }
    },
  })

  test.each([
    ['a new publish', 'few'],
    ['a new publish', 'many'],
    ['a continued publish', 'many'],
  ] as const)(
    'a cache file damaged behind its footer, met by %s with %s files, is replaced for good',
    async (by, files) => {
      const bundle = lookupBundle()
      await rig.commit(bundle, 0, [row(bundle, 1, 'ATL', 1), row(bundle, 2, 'JFK', 1)])
      await rig.publish(bundle)
      await rig.commit(bundle, 1, [row(bundle, 61, 'ATL', 2)])
      const ledger = files === 'many' ? manyFiles(rig.deps.ledger) : rig.deps.ledger
      const worker = rig.worker({ ledger })
      const [cached] = await deltasOf(bundle)
      if (by === 'a continued publish') {
        const silent = { ...ledger, releaseLease: async () => {} }
        const dying = rig.worker({ online: crashingAfter(rig.deps.online, 0), ledger: silent })
        await expect(rig.publish(bundle, { workflowRunId: bundle.view.name }, dying)).rejects.toThrow(Crash)
      }
      await damageBehindFooter(rig.deps, cached!)
      const attempt = { workflowRunId: bundle.view.name, attempt: 2 }
      expect(await rig.publish(bundle, attempt, worker)).toMatchObject({ kind: 'finished', itemsWritten: 1 })
      let scans = 0
      const watched = new Proxy(rig.deps.online, {
        get: (target, name) => {
          if (name === 'scan') scans++
          return Reflect.get(target, name).bind(target)
        },
      })
      await rig.commit(bundle, 2, [row(bundle, 121, 'ATL', 3), row(bundle, 122, 'JFK', 1)])
      expect(await rig.publish(bundle, {}, rig.worker({ online: watched }))).toMatchObject({ kind: 'finished' })
      expect(scans).toBe(0)
      expect((await rig.online(bundle)).get('ATL')).toMatchObject({ delay: 3 })
    },
  )
})
