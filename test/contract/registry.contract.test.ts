import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { schemaName } from '../../adapters/postgres/client.js'
import { bundleFor } from '../../core/define/bundle.js'
import type {
  EntityDefinition,
  FeatureRepo,
  FeatureServiceDefinition,
  FeatureViewDefinition,
  SourceDefinition,
} from '../../core/define/definitions.js'
import type { RegistryWriter } from '../../core/ports/registry.js'
import { startTestPostgres, type TestPostgres, type TestProject } from '../support/postgres.js'

let postgres: TestPostgres
let project: TestProject
let registry: RegistryWriter

beforeAll(async () => {
  postgres = await startTestPostgres()
})
afterAll(() => postgres.stop())
beforeEach(async () => {
  project = await postgres.newProject()
  registry = project.registry
})

const anna = { by: 'anna' }
const documented = { owner: 'ops-ml', description: 'it is "said"', tags: { pii: false }, at: { file: 'a.ts', line: 3 } }
const airport: EntityDefinition = {
  ...documented,
  kind: 'entity',
  name: 'airport',
  keys: [{ name: 'origin', kind: 'string', nullable: false }],
}
const flights: SourceDefinition = {
  ...documented,
  kind: 'source',
  format: 'parquet',
  name: 'flights',
  path: 'flights/{yyyy-MM-dd}/*.parquet',
  schema: [{ name: 'origin', kind: 'string', nullable: false }],
  eventTime: 'date',
  createdTime: null,
  visibility: 'event',
  timezone: 'UTC',
  tombstone: null,
  eventId: null,
  ready: { marker: '_SUCCESS', delay: null, deadline: '6h' },
}

function viewOf(name: string, changes: Partial<FeatureViewDefinition> = {}): FeatureViewDefinition {
  return {
    ...documented,
    kind: 'view',
    viewKind: 'lookup',
    name,
    version: 1,
    entity: 'airport',
    source: 'flights',
    keyColumns: [{ key: 'origin', column: 'origin' }],
    since: '2001-01-01T00:00:00Z',
    every: '1h',
    tile: null,
    coarseTile: null,
    lookback: null,
    ttl: '24h',
    lag: '0s',
    onGap: 'block',
    features: [],
    checks: { rows: null, rejectedRateMax: null, duplicateRateMax: null, features: {} },
    sla: { freshness: '2h', duration: null },
    online: true,
    ...changes,
  }
}

const service: FeatureServiceDefinition = { ...documented, kind: 'service', name: 'eta', version: 1, features: [] }

function repoOf(views: readonly FeatureViewDefinition[], changes: Partial<FeatureRepo> = {}): FeatureRepo {
  return { project: project.project, entities: [airport], sources: [flights], views, services: [service], ...changes }
}

/** As it is kept: where it was written is no part of it. */
function stored(repo: FeatureRepo): FeatureRepo {
  const strip = <D extends object>(list: readonly D[]) => list.map((one) => ({ ...one, at: null }))
  return {
    ...repo,
    entities: strip(repo.entities),
    sources: strip(repo.sources),
    views: strip(repo.views),
    services: strip(repo.services),
  }
}

test('nothing applied is nothing, and an unknown view says what there is', async () => {
  expect(await registry.current()).toBeNull()
  await expect(registry.view('delays')).rejects.toMatchObject({ code: 'REGISTRY_UNKNOWN_VIEW' })
  await registry.apply(repoOf([viewOf('delays')]), anna)
  await expect(registry.view('delay')).rejects.toMatchObject({
    code: 'REGISTRY_UNKNOWN_VIEW',
    detail: { hint: 'did you mean "delays"? applied views are delays@v1' },
  })
  for (const version of [2, 99_999_999_999])
    await expect(registry.view('delays', version)).rejects.toMatchObject({ code: 'REGISTRY_UNKNOWN_VIEW' })
})

test('what is applied comes back, hash included', async () => {
  const repo = repoOf([viewOf('delays'), viewOf('last')])
  expect(await registry.apply(repo, anna)).toEqual({ revision: 1, isChanged: true })
  expect(await registry.current()).toEqual({ revision: 1, repo: stored(repo) })
  expect(await registry.view('delays')).toEqual(bundleFor(stored(repo), 'delays'))
  expect((await registry.view('delays')).definitionHash).toBe(bundleFor(repo, 'delays').definitionHash)
  expect(await registry.service('eta')).toEqual({ ...service, at: null })
  expect(await registry.service('other')).toBeNull()
})

test('the same content again changes nothing, wherever it is written and in whatever order', async () => {
  await registry.apply(repoOf([viewOf('a'), viewOf('b')]), anna)
  const moved = repoOf([viewOf('b', { at: { file: 'elsewhere.ts', line: 99 } }), viewOf('a', { at: null })])
  expect(await registry.apply(moved, { by: 'ben' })).toEqual({ revision: 1, isChanged: false })
  const audits = await project.client.query((db) => db.selectFrom('audit').selectAll().execute())
  expect(audits).toMatchObject([{ acted_by: 'anna', action: 'apply', subject: 'revision 1' }])
})

test('a changed definition raises the revision; the former content stays', async () => {
  await registry.apply(repoOf([viewOf('a')]), anna)
  const next = repoOf([viewOf('a', { description: 'said better' })])
  expect(await registry.apply(next, anna)).toEqual({ revision: 2, isChanged: true })
  expect((await registry.view('a')).view.description).toBe('said better')
  const rows = await project.client.query((db) =>
    db
      .selectFrom('definitions')
      .select(['since_revision', 'until_revision'])
      .where('name', '=', 'a')
      .orderBy('since_revision')
      .execute(),
  )
  expect(rows).toEqual([
    { since_revision: 1, until_revision: 2 },
    { since_revision: 2, until_revision: null },
  ])
})

test('a view left out is retired and kept, with the entity and source it was built from', async () => {
  await registry.apply(repoOf([viewOf('a'), viewOf('b')]), anna)
  const before = await registry.view('b')
  const otherSource = { ...flights, path: 'elsewhere/*.parquet' }
  await registry.apply(repoOf([viewOf('a')], { sources: [otherSource] }), anna)
  expect((await registry.current())?.repo.views.map((one) => one.name)).toEqual(['a'])
  expect(await registry.view('b')).toEqual(before)
  expect((await registry.view('a')).source.path).toBe('elsewhere/*.parquet')
  await registry.apply(repoOf([viewOf('a'), viewOf('b')], { sources: [otherSource] }), anna)
  expect((await registry.view('b')).source.path).toBe('elsewhere/*.parquet')
})

test('a new version stands beside the old one, and going back is possible', async () => {
  await registry.apply(repoOf([viewOf('a')]), anna)
  await registry.apply(repoOf([viewOf('a', { version: 2, ttl: '48h' })]), anna)
  expect((await registry.view('a')).view.version).toBe(2)
  expect((await registry.view('a', 1)).view.ttl).toBe('24h')
  await registry.apply(repoOf([viewOf('a')]), anna)
  expect((await registry.view('a')).view.version).toBe(1)
  expect((await registry.view('a', 2)).view.ttl).toBe('48h')
})

test('what is served: every version ever applied, each with what it was last built from', async () => {
  expect(await registry.serving()).toEqual({ project: project.project, revision: 0, views: [], services: [] })
  await registry.apply(repoOf([viewOf('a'), viewOf('b')]), anna)
  await registry.apply(repoOf([viewOf('a', { ttl: '48h' }), viewOf('b')]), anna)
  const before = await registry.view('b')
  const otherSource = { ...flights, path: 'elsewhere/*.parquet' }
  const next = { sources: [otherSource], services: [{ ...service, version: 2 }] }
  await registry.apply(repoOf([viewOf('a', { version: 2 })], next), anna)
  const serving = await registry.serving()
  expect(serving.revision).toBe(3)
  expect(serving.views.map(({ definition: { view }, isApplied }) => [view.name, view.version, isApplied])).toEqual([
    ['a', 1, false],
    ['a', 2, true],
    ['b', 1, false],
  ])
  expect(serving.views[0]?.definition.view.ttl).toBe('48h')
  expect(serving.views[1]?.definition).toEqual(await registry.view('a'))
  expect(serving.views[2]?.definition).toEqual(before)
  expect(serving.services.map(({ definition, isApplied }) => [definition.version, isApplied])).toEqual([
    [1, false],
    [2, true],
  ])
  // R36: where a first load put the values of a version.
  await project.client.query((db) =>
    db.insertInto('view_versions').values({ view: 'a', version: 1, online_table: 'loaded.s1' }).execute(),
  )
  expect((await registry.serving()).views.map(({ table }) => table)).toEqual(['loaded.s1', null, null])
  // It lies on disk where Postgres is away: nothing may be lost in JSON.
  expect(JSON.parse(JSON.stringify(serving))).toEqual(serving)
})

test('an apply that fails half-way leaves the former revision', async () => {
  const first = repoOf([viewOf('a')])
  await registry.apply(first, anna)
  const schema = sql.id(schemaName(project.project))
  await project.client.query(async (db) => {
    await sql`create function ${schema}.refuse() returns trigger language plpgsql as
      $$ begin if new.name = 'z' then raise exception 'no disk'; end if; return new; end $$`.execute(db)
    await sql`create trigger refuse before insert on ${schema}.definitions for each row
      execute function ${schema}.refuse()`.execute(db)
  })
  const second = repoOf([viewOf('a', { ttl: '1h' }), viewOf('z')])
  await expect(registry.apply(second, anna)).rejects.toMatchObject({ code: 'INTERNAL' })
  expect(await registry.current()).toEqual({ revision: 1, repo: stored(first) })
  await project.client.query((db) => sql`drop trigger refuse on ${schema}.definitions`.execute(db))
  expect(await registry.apply(second, anna)).toEqual({ revision: 2, isChanged: true })
})

test('two who apply at once: the same content is one revision, different contents are two', async () => {
  const other = project.connectAgain().registry
  const same = await Promise.all(
    [registry, other, registry, other].map((one) => one.apply(repoOf([viewOf('a')]), anna)),
  )
  expect(same.map((one) => one.revision)).toEqual([1, 1, 1, 1])
  expect(same.filter((one) => one.isChanged)).toHaveLength(1)
  const different = await Promise.all([
    registry.apply(repoOf([viewOf('a', { ttl: '1h' })]), anna),
    other.apply(repoOf([viewOf('a', { ttl: '2h' })]), anna),
  ])
  expect(different.map((one) => one.revision).sort()).toEqual([2, 3])
})

test("another project's repo is refused", async () => {
  await expect(registry.apply(repoOf([], { project: 'other' }), anna)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})

test('two that apply take turns, in other processes too; one that fails gives its turn back', async () => {
  const order: string[] = []
  let end = () => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const first = registry.inTurn(async () => {
    order.push('first begins')
    await ended
    order.push('first ends')
    throw new Error('as the work says')
  })
  await expect.poll(() => order).toEqual(['first begins'])
  const second = project.connectAgain().registry.inTurn(async () => order.push('second'))
  const waiting = () =>
    project.client.query(async (db) => {
      const { rows } = await sql`select 1 from pg_locks where locktype = 'advisory' and not granted`.execute(db)
      return rows.length
    })
  await expect.poll(waiting).toBe(1)
  end()
  await expect(first).rejects.toThrow('as the work says')
  await second
  expect(order).toEqual(['first begins', 'first ends', 'second'])
})
