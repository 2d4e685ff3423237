/**
 * Proves the tests: each rule of docs/semantics.md is broken at the place that computes it, and the tests named after the rule have to
 * fail. `npm run mutations [-- R7 R9]`: all, or those of some rules. `--one-each`: the first of each rule. `--tested`: the suite has passed on
 * this checkout just now, so the tests are not tried without a mutation first.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { mutations } from './all-mutations.js'
import { MutatedTree } from './mutated-tree.js'
import { citing, type Mutation } from './mutation.js'
import { runTests } from './run-tests.js'

interface Verdict {
  readonly mutation: Mutation
  /** Title of the test that found it; null: it lives. */
  readonly killedBy: string | null
  readonly trouble: string | null
  readonly seconds: number
}

const checkout = fileURLToPath(new URL('../..', import.meta.url))
const treesAtOnce = 2

const { values, positionals } = parseArgs({
  options: { tested: { type: 'boolean' }, 'one-each': { type: 'boolean' } },
  allowPositionals: true,
})
const unknown = positionals.filter((rule) => !mutations.some((mutation) => mutation.rule === rule))
if (unknown.length > 0) throw new Error(`no mutation of ${unknown.join(', ')}`)
const isFirst = ({ rule }: Mutation, at: number): boolean => mutations.findIndex((one) => one.rule === rule) === at
const asked = mutations.filter(
  (mutation, at) =>
    (positionals.length === 0 || positionals.includes(mutation.rule)) && (!values['one-each'] || isFirst(mutation, at)),
)

// Shared by all: an empty Postgres is made once and copied.
const shared = await mkdtemp(join(tmpdir(), 'millcourse-mutations-shared-'))
process.env.MILLCOURSE_TEST_ROOT = shared
const trees = await Promise.all(Array.from({ length: treesAtOnce }, () => MutatedTree.of(checkout)))
try {
  if (!values.tested) await passUnmutated(trees[0]!)
  const verdicts = await killAll(trees)
  const alive = verdicts.filter(({ killedBy }) => killedBy === null)
  for (const { mutation, trouble } of alive)
    console.error(
      `${mutation.rule} ${trouble === null ? 'SURVIVES' : 'COULD NOT BE TRIED'}: ${mutation.breaks} (${mutation.file})\n${trouble ?? ''}`,
    )
  console.log(`${verdicts.length - alive.length} of ${verdicts.length} mutations killed by the tests of their rules`)
  process.exitCode = alive.length > 0 ? 1 : 0
} finally {
  await Promise.all(trees.map((tree) => tree.remove()))
  await rm(shared, { recursive: true, force: true })
}

/** What fails without a mutation would kill every one. */
async function passUnmutated({ root }: MutatedTree): Promise<void> {
  const files = [...new Set(asked.flatMap(({ tests }) => tests))]
  const rules = [...new Set(asked.map(({ rule }) => rule))]
  const pattern = new RegExp(`\\b(${rules.join('|')})\\b`)
  const { passed, failed, trouble } = await runTests({ tree: root, files, pattern, stopsAtFirst: false })
  if (trouble !== null) throw new Error(`the tests do not run without a mutation: ${trouble}`)
  if (failed.length > 0) throw new Error(`fails without a mutation: ${failed[0]!.title} (${failed[0]!.file})`)
  console.log(`${passed.length} tests of ${rules.length} rules pass without a mutation`)
}

async function killAll(trees: readonly MutatedTree[]): Promise<Verdict[]> {
  const verdicts: Verdict[] = []
  const left = [...asked]
  await Promise.all(
    trees.map(async (tree) => {
      for (let mutation = left.shift(); mutation !== undefined; mutation = left.shift()) {
        const verdict = await kill(tree, mutation)
        verdicts.push(verdict)
        console.log(lineOf(verdict))
      }
    }),
  )
  return verdicts
}

async function kill(tree: MutatedTree, mutation: Mutation): Promise<Verdict> {
  const startedAt = performance.now()
  const { failed, trouble } = await tree.mutated(mutation, () =>
    runTests({ tree: tree.root, files: mutation.tests, pattern: citing(mutation.rule), stopsAtFirst: true }),
  )
  const seconds = (performance.now() - startedAt) / 1000
  return { mutation, killedBy: failed[0]?.title ?? null, trouble, seconds }
}

function lineOf({ mutation: { rule, breaks }, killedBy, seconds }: Verdict): string {
  const found = killedBy === null ? '✗ nothing' : `✓ ${killedBy}`
  return `${rule.padEnd(4)} ${`${seconds.toFixed(0)} s`.padStart(5)}  ${breaks.padEnd(76)} ${found}`
}
