import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { loadFeatureRepo, readFeatureRepo } from './feature-repo-loader.js'

const folders: string[] = []
afterEach(async () => {
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })))
})

const sound = {
  'millcourse.json': '{ "project": "shop" }',
  'entities/user.ts': `import { entity, t } from 'millcourse'
export const user = entity('user', { keys: { user_id: t.int64() } })`,
  'sources/orders.ts': `import { parquet, t } from 'millcourse'

interface Team { readonly name: string }
const team: Team = { name: 'shop' }
export const orders = parquet('orders', {
  path: 'orders/*.parquet', eventTime: 'ts', schema: { ts: t.timestamp(), user_id: t.int64() }, owner: team.name,
})`,
  'views/deep/er/spend.ts': `import { featureView, window } from 'millcourse'
import { user } from '../../../entities/user.js'
import { orders } from '../../../sources/orders.js'
export const spend = featureView('spend', {
  version: 1, entity: user, source: orders, since: '2001-01-01', every: '1h', features: { n: window.count({ over: '1d' }) },
})`,
}

/** A repo in a folder of its own: no package.json, no node_modules, no tsconfig. */
async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'millcourse-repo-'))
  folders.push(folder)
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  return folder
}

async function problemsOf(files: Readonly<Record<string, string>>) {
  const { problems } = await readFeatureRepo(await folderWith({ ...sound, ...files }))
  return problems.map((problem) => ({ code: problem.code, message: problem.message, ...problem.detail.facts }))
}

describe('loadFeatureRepo', () => {
  test('reads TypeScript wherever it lies, with places relative to the repo', async () => {
    const repo = await loadFeatureRepo(await folderWith(sound))
    expect(repo).toMatchObject({
      project: 'shop',
      entities: [{ name: 'user', at: { file: 'entities/user.ts', line: 2 } }],
      sources: [{ name: 'orders', owner: 'shop', at: { file: 'sources/orders.ts', line: 5 } }],
      views: [{ name: 'spend', entity: 'user', source: 'orders', at: { file: 'views/deep/er/spend.ts', line: 4 } }],
      services: [],
    })
  })

  test('reads the example of the flights without a problem', async () => {
    const repo = await loadFeatureRepo(join(import.meta.dirname, '../../feature_repo'))
    expect(repo.views.map((view) => view.name)).toEqual(['airport_delays', 'last_departure', 'route_traffic'])
    expect(repo.services.map((service) => service.name)).toEqual(['delay_model'])
  })

  test('reads the sample of `millcourse init` without a problem', async () => {
    const repo = await loadFeatureRepo(join(import.meta.dirname, '../../templates/sample'))
    expect(repo.views.map((view) => `${view.name} ${view.viewKind}`)).toEqual([
      'last_order lookup',
      'user_orders window',
    ])
  })

  test('takes JavaScript, CommonJS folders, lists of definitions, and leaves other files alone', async () => {
    const folder = await folderWith({
      ...sound,
      'package.json': '{ "type": "commonjs" }',
      'entities/more.js': `import { entity, t } from 'millcourse'
export const more = ['a', 'b'].map((name) => entity(name, { keys: { id: t.string() } }))
export const named = { c: entity('c', { keys: { id: t.string() } }) }`,
      'entities/again.ts': `export { user } from './user.js'`,
      'entities/.draft/x.ts': 'throw new Error("never read")',
      'entities/user.test.ts': 'throw new Error("never read")',
      'entities/node_modules/x/index.ts': 'throw new Error("never read")',
      'notes/x.ts': 'throw new Error("never read")',
    })
    const { entities } = await loadFeatureRepo(folder)
    expect(entities.map((entity) => entity.name)).toEqual(['a', 'b', 'c', 'user'])
  })

  test('reads a file that was changed as it is now', async () => {
    const folder = await folderWith(sound)
    await loadFeatureRepo(folder)
    await writeFile(join(folder, 'entities/user.ts'), sound['entities/user.ts'].replace("'user'", "'customer'"))
    expect((await loadFeatureRepo(folder)).views[0]?.entity).toBe('customer')
  })

  test('keeps two repos apart that are loaded at once', async () => {
    const [one, other] = await Promise.all([folderWith(sound), folderWith(sound)])
    const repos = await Promise.all([loadFeatureRepo(one), loadFeatureRepo(other)])
    expect(repos.map((repo) => repo.entities.length)).toEqual([1, 1])
  })

  test('a folder without millcourse.json is no repo, and is told how to become one', async () => {
    const folder = await folderWith({})
    await expect(loadFeatureRepo(folder)).rejects.toMatchObject({
      code: 'REPO_NOT_FOUND',
      detail: { hint: expect.stringContaining('millcourse init'), facts: { path: join(folder, 'millcourse.json') } },
    })
  })

  test.each(['{}', '{ "project": "My Shop" }', '{ "project": "a", "extra": 1 }', 'project: a'])(
    'refuses the project file %s',
    async (text) => {
      const folder = await folderWith({ 'millcourse.json': text })
      await expect(loadFeatureRepo(folder)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    },
  )

  test('one problem is thrown as itself, with its place in front', async () => {
    const folder = await folderWith({
      ...sound,
      'entities/user.ts': sound['entities/user.ts'].replace('int64', 'float64'),
    })
    await expect(loadFeatureRepo(folder)).rejects.toMatchObject({
      message: expect.stringMatching(/^2 problems in .*:\n/),
    })
    const source = sound['sources/orders.ts'].replace(', owner: team.name', '')
    await expect(loadFeatureRepo(await folderWith({ ...sound, 'sources/orders.ts': source }))).rejects.toMatchObject({
      code: 'DEFINE_INVALID',
      message: "sources/orders.ts:5: source 'orders' has no owner",
    })
  })
})

describe('readFeatureRepo', () => {
  test('a syntax error is said with line and column, once, however many files import it', async () => {
    const broken = sound['entities/user.ts'].replace('t.int64() }', 't.int64( }')
    expect(await problemsOf({ 'entities/user.ts': broken })).toEqual([
      {
        code: 'REPO_LOAD_FAILED',
        message: 'entities/user.ts:2:63: Unexpected "}"',
        file: 'entities/user.ts',
        line: 2,
        column: 63,
      },
    ])
  })

  test('a throw is said with the line that threw', async () => {
    const thrower = `interface Settings { readonly days: number }

const settings = undefined as unknown as Settings
export const days = settings.days`
    expect(await problemsOf({ 'views/thrower.ts': thrower })).toMatchObject([
      {
        code: 'REPO_LOAD_FAILED',
        file: 'views/thrower.ts',
        line: 4,
        message: expect.stringContaining("reading 'days'"),
      },
    ])
  })

  test('an import of a file or a name that is not there is said', async () => {
    const problems = await problemsOf({
      'views/a.ts': `import { x } from './nowhere.js'\nexport const y = x`,
      'views/b.ts': `import { usr } from '../entities/user.js'\nexport const y = usr`,
    })
    expect(problems).toMatchObject([
      { code: 'REPO_LOAD_FAILED', file: 'views/a.ts', message: expect.stringContaining('nowhere.js') },
      { code: 'REPO_LOAD_FAILED', file: 'views/b.ts', message: expect.stringContaining("export named 'usr'") },
    ])
  })

  test('finds the problems of all definitions at once, and goes on after each', async () => {
    const view = sound['views/deep/er/spend.ts']
    const problems = await problemsOf({
      'entities/user.ts': sound['entities/user.ts'].replace("'user'", "'User'"),
      'views/deep/er/spend.ts': view.replace("'1d'", "'90m'").replace('version: 1', "version: 0, ttl: '0s'"),
    })
    expect(problems.map((problem) => problem.message)).toEqual([
      'entity "User" is not a valid name',
      'view \'spend\': ttl must be longer than zero, not "0s" (R2: leave it out for a value that never expires)',
      "view 'spend': feature 'n' is over 1h30m, which is not a multiple of the tile 1h (R9)",
      "view 'spend': version 0 is not 1, 2, 3, …",
    ])
    expect(problems[1]).toMatchObject({ file: 'views/deep/er/spend.ts', line: 4 })
  })

  test('a definition that is made but not exported is reported, not left out silently', async () => {
    const draft = `import { entity, t } from 'millcourse'\nconst draft = entity('draft', { keys: { id: t.string() } })\nexport const x = draft.name`
    expect(await problemsOf({ 'entities/draft.ts': draft })).toEqual([
      {
        code: 'DEFINE_INVALID',
        message: "entity 'draft' is not exported",
        name: 'draft',
        file: 'entities/draft.ts',
        line: 2,
      },
    ])
  })

  test('two definitions of one name are reported with both places', async () => {
    const problems = await problemsOf({ 'entities/zz.ts': sound['entities/user.ts'] })
    expect(problems).toMatchObject([
      {
        code: 'DEFINE_DUPLICATE_NAME',
        message: expect.stringContaining('first at entities/user.ts:2'),
        file: 'entities/zz.ts',
      },
    ])
  })
})
