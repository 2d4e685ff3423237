/** The second guard of the import rules, independent of dependency-cruiser: what the sandbox does not have cannot be bundled. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { buildWorkflowBundle } from '../../workers/workflow-bundle.js'

const root = new URL('../..', import.meta.url).pathname
mkdirSync(join(root, '.cache'), { recursive: true })
const dir = mkdtempSync(join(root, '.cache', 'bundle-test-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('the workflows bundle, with nothing of activities, adapters or the stages of core in them', async () => {
  const code = await buildWorkflowBundle()
  for (const workflow of ['run', 'tick', 'decide', 'publish']) expect(code).toContain(`./workflows/${workflow}.ts`)
  expect(code).toContain('./core/errors.ts')
  expect(code).not.toMatch(/"\.\/(activities|adapters|workers)\//)
  expect(code).not.toMatch(/"\.\/core\/(source|plan|compute|judge|publish|serve|watch)\//)
})

test('a file that imports node:fs makes the bundle fail and is named', async () => {
  writeFileSync(join(dir, 'impure.ts'), "import { readFileSync } from 'node:fs'\nexport const read = readFileSync\n")
  writeFileSync(
    join(dir, 'index.ts'),
    `export { run } from '${root}workflows/index.js'\nimport { read } from './impure.js'\nexport async function impure() { return read('/etc/hosts') }\n`,
  )
  await expect(buildWorkflowBundle(join(dir, 'index.ts'))).rejects.toThrow(
    /impure\.ts[\s\S]*node:fs|node:fs[\s\S]*impure\.ts/,
  )
})
