/** Hundreds of definition files are read together, and then one by one: what is read is the same, to the line. */
import { execFile } from 'node:child_process'
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
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
  const script = `const { readFeatureRepo } = await import('${loader}')
    const { definitionFiles } = await import('${new URL('definition-files.js', loader)}')
    const { importBundled } = await import('${bundles}')
    const files = await definitionFiles('${folder}')
    const own = '${new URL('../../core/define/index.js', loader)}'
    const { repo, problems } = await readFeatureRepo('${folder}')
    const told = problems.map(({ message, detail }) => ({ message, facts: detail.facts }))
    console.log(JSON.stringify({ repo, problems: told, isTogether: (await importBundled(files, own)) !== null }))`
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
