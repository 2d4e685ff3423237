/** Hundreds of definition files are read together, and then one by one: what is read is the same, to the line. */
import { execFile } from 'node:child_process'
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundledFilesMin } from '../../adapters/feature-repo/bundled-definitions.js'
import { viewName, writeManyViews } from '../../bench/many-views-repo.js'

const loader = new URL('../../dist/adapters/feature-repo/feature-repo-loader.js', import.meta.url).href
const bundles = fileURLToPath(new URL('../../dist/adapters/feature-repo/bundled-definitions.js', import.meta.url))
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millcourse-many-'))
  await writeManyViews(folder, 'many', bundledFilesMin)
})
afterAll(() => rm(folder, { recursive: true }))

/** As a command reads it, and whether the files were read together. */
async function read(): Promise<{ repo: object; problems: { message: string; facts: object }[]; isTogether: boolean }> {
  return await told(`const { readFeatureRepo } = await import('${loader}')
    const { definitionFiles } = await import('${new URL('definition-files.js', loader)}')
    const { importBundled } = await import('${bundles}')
    const files = await definitionFiles('${folder}')
    const own = '${new URL('../../core/define/index.js', loader)}'
    const { repo, problems } = await readFeatureRepo('${folder}')
    const told = problems.map(({ message, detail }) => ({ message, facts: detail.facts }))
    console.log(JSON.stringify({ repo, problems: told, isTogether: (await importBundled(files, own)) !== null }))`)
}

async function told(script: string) {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
  return JSON.parse(stdout)
}

test('together and one by one the same is read; a file that has a fault is named', async () => {
  const together = await read()
  expect(together).toMatchObject({ problems: [], isTogether: true })
  expect(together.repo).toMatchObject({ views: { length: bundledFilesMin } })
  const file = join(folder, 'views', `${viewName(3)}.ts`)
  // What asks for its own place would get another answer in a bundle.
  await appendFile(file, 'export const here = import.meta.url\n')
  expect(await read()).toEqual({ ...together, isTogether: false })
  await appendFile(file, "throw new Error('not today')\n")
  const broken = await read()
  expect(broken.problems.some(({ facts }) => JSON.stringify(facts).includes(`views/${viewName(3)}.ts`))).toBe(true)
  await writeFile(file, "import { featureView } from 'millcourse'\nfeatureView('unseen', {})\n")
  expect((await read()).problems.length).toBeGreaterThan(1)
})

/** The first file is the one that is imported. */
const cases: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  plain: { 'a.ts': "import { b } from './b.js'\nexport const a = b", 'b.ts': "export const b = 'told by b'" },
  names: {
    'a.ts': `import { Team as Other, owner as other } from './b.js'
export class Team {}
export function owner() {}
export const a = [Team.name, Other.name, owner.name, other.name]`,
    'b.ts': 'export class Team {}\nexport function owner() {}',
  },
  'a module exported as a value': { 'a.ts': "export * as a from './b.js'", 'b.ts': 'export const b = 1' },
  'a module imported as a value': {
    'a.ts': "import * as b from './b.js'\nexport const a = Object.keys(b)",
    'b.ts': 'export const y = 1, x = 2',
  },
  'files that wait for each other': {
    'a.ts': "import { b } from './b.js'\nexport const a = () => b",
    'b.ts': "import { a } from './a.js'\nexport const b = () => a",
  },
  'TypeScript beside JavaScript': {
    'a.ts': "import { b } from './b.js'\nexport const a = b",
    'b.js': "export const b = 'of b.js'",
    'b.ts': "export const b = 'of b.ts'",
  },
  'used before it is declared': { 'a.ts': "export const a = [later]\nconst later = 'x'" },
  'exported again, and not there': { 'a.ts': "export { none } from './b.js'", 'b.ts': 'export const b = 1' },
}

test('what would be another in a bundle is left to the importer', async () => {
  for (const [name, files] of Object.entries(cases)) {
    await mkdir(join(folder, 'cases', name), { recursive: true })
    for (const [file, text] of Object.entries(files)) await writeFile(join(folder, 'cases', name, file), text)
  }
  const found = await told(`const { importBundled } = await import('${bundles}')
    const own = '${new URL('../../core/define/index.js', loader)}'
    const found = {}
    for (const name of ${JSON.stringify(Object.keys(cases))})
      found[name] = await importBundled(['${folder}/cases/' + name + '/a.ts'], own)
    console.log(JSON.stringify(found))`)
  const { plain, names, ...left } = found
  expect({ plain, names }).toEqual({ plain: [{ a: 'told by b' }], names: [{ a: ['Team', 'Team', 'owner', 'owner'] }] })
  for (const [name, values] of Object.entries(left)) expect({ name, values }).toEqual({ name, values: null })
  expect(Object.keys(left)).toHaveLength(6)
})
