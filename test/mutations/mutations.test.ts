/** What `npm run mutations` would stumble over, told without running a mutant. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { mutations } from './all-mutations.js'
import { citing, mutate } from './mutation.js'
import { proofsPage } from './proofs.js'

const read = (file: string): string => readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8')

test('each rule of docs/semantics.md is broken by a mutation', () => {
  const rules = [...read('docs/semantics.md').matchAll(/^- \*\*(R\d+b?)\*\*/gm)].map(([, rule]) => rule!)
  const broken = new Set(mutations.map(({ rule }) => rule))
  expect([...broken].filter((rule) => !rules.includes(rule))).toEqual([])
  expect(
    rules.filter((rule) => !broken.has(rule)),
    'add a mutation at the place that computes the rule',
  ).toEqual([])
})

test('each mutation finds what it replaces', () => {
  const lost = mutations.flatMap((mutation) => {
    const text = read(mutation.file)
    try {
      return mutate(text, mutation) === text ? [`${mutation.breaks}: changes nothing`] : []
    } catch (error) {
      return [(error as Error).message]
    }
  })
  expect(lost, 'the rule is computed in other words, or elsewhere: move its mutation').toEqual([])
})

test('the files that have to find a mutation have tests named after its rule', () => {
  const unnamed = mutations.flatMap(({ rule, tests }) => {
    const named = new RegExp(`['"\`][^'"\`\\n]*${citing(rule).source}`)
    return tests.filter((file) => !named.test(testsIn(file))).map((file) => `${rule}: ${file}`)
  })
  expect(unnamed).toEqual([])
})

test('docs/rules-and-tests.md says what is tried: npm run proofs:update', async () => {
  await expect(proofsPage(mutations)).toMatchFileSnapshot('../../docs/rules-and-tests.md')
})

/** A port's suite stands beside the file that runs it over the adapters. */
function testsIn(file: string): string {
  const text = read(file)
  const suites = [...text.matchAll(/from '\.\/([\w.-]+\.contract)\.js'/g)].map(([, suite]) => suite!)
  return [text, ...suites.map((suite) => read(file.replace(/[^/]+$/, `${suite}.ts`)))].join('\n')
}
