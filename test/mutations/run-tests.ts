import { spawn } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'

export interface TestRun {
  readonly passed: readonly TestEnd[]
  readonly failed: readonly TestEnd[]
  /** Why no test could tell: a file that does not load, servers that do not start, a run without an end. Null: they could. */
  readonly trouble: string | null
}

export interface TestEnd {
  readonly file: string
  readonly title: string
}

interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly message: string
    readonly assertionResults: readonly { readonly status: string; readonly title: string; readonly fullName: string }[]
  }[]
}

export interface Asked {
  readonly tree: string
  readonly files: readonly string[]
  /** Of the tests' names. */
  readonly pattern: RegExp
  readonly stopsAtFirst: boolean
}

/** A mutant may never come to an end; the slowest run of a rule's tests takes half a minute on a busy machine. */
const endMs = 300_000

/** The tests of these files whose names match, in a process of their own, their seeds set. */
export async function runTests({ tree, files, pattern, stopsAtFirst }: Asked): Promise<TestRun> {
  const report = join(tree, 'test-report.json')
  await rm(report, { force: true })
  const args = [
    ...[join(tree, 'node_modules/vitest/vitest.mjs'), 'run', '--root', tree, '--configLoader', 'runner'],
    ...['--config', join(tree, 'test/mutations/vitest.config.ts'), '--reporter', 'json', '--outputFile', report],
    ...['-t', pattern.source, ...(stopsAtFirst ? ['--bail', '1'] : []), ...files],
  ]
  const { output, isStopped } = await run(args, tree)
  if (isStopped) return { passed: [], failed: [], trouble: 'the tests came to no end' }
  const text = await readFile(report, 'utf8').catch(() => null)
  if (text === null) return { passed: [], failed: [], trouble: output.slice(-2_000) }
  const { testResults } = JSON.parse(text) as Report
  const of = (status: string): TestEnd[] =>
    testResults.flatMap(({ name, assertionResults }) =>
      assertionResults
        .filter((test) => test.status === status && pattern.test(test.fullName))
        .map(({ title }) => ({ file: name.slice(tree.length + 1), title })),
    )
  const [passed, failed] = [of('passed'), of('failed')]
  const messages = testResults.map(({ message }) => message).filter((message) => message !== '')
  const trouble = failed.length > 0 ? null : (messages[0] ?? (passed.length === 0 ? 'no test has such a name' : null))
  return { passed, failed, trouble }
}

async function run(args: readonly string[], cwd: string): Promise<{ output: string; isStopped: boolean }> {
  // Seeds as in CI: what is found today is found tomorrow.
  const env = { ...process.env, CI: '1', NO_COLOR: '1' }
  const child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  let output = ''
  let isStopped = false
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()))
  const timer = setTimeout(() => {
    isStopped = true
    // The whole group: its workers, and their servers.
    process.kill(-child.pid!, 'SIGKILL')
  }, endMs)
  await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject))
  clearTimeout(timer)
  return { output, isStopped }
}
