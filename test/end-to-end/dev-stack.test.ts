/** `millcourse dev` as a person uses it: the built command, real signals, and a look at what is left. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const example = fileURLToPath(new URL('../../feature_repo', import.meta.url))

interface Ready {
  readonly pid: number
  readonly addresses: Readonly<Record<string, string>>
}

let repo: string
let running: ChildProcess[]

async function newRepo(): Promise<void> {
  repo = await mkdtemp(join(tmpdir(), 'millcourse-dev-'))
  running = []
  for (const part of ['millcourse.json', 'entities', 'sources', 'views', 'services'])
    await cp(join(example, part), join(repo, part), { recursive: true })
}

async function removeRepo(): Promise<void> {
  for (const child of running)
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  // What a failed test has left is ended here, whatever it was.
  await untilGone().catch(() => left().forEach(kill))
  await rm(repo, { recursive: true, force: true, maxRetries: 5 })
}

function start(...options: string[]): ChildProcess {
  const child = spawn(process.execPath, [program, 'dev', '--json', '--repo', repo, ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, MILLCOURSE_NOW: '2001-01-01T00:30:00Z' },
  })
  running.push(child)
  return child
}

async function ready(child: ChildProcess): Promise<Ready> {
  const errors = collect(child)
  const line = once(createInterface({ input: child.stdout! }), 'line').then(([text]) => String(text))
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(`dev ended: ${errors()}`)))
  return JSON.parse(await Promise.race([line, ended])) as Ready
}

function collect(child: ChildProcess): () => string {
  let text = ''
  child.stderr?.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  return () => text
}

function run(...command: string[]) {
  const { stdout, stderr } = spawnSync(process.execPath, [program, ...command, '--json', '--repo', repo], {
    encoding: 'utf8',
  })
  if (stdout === '') throw new Error(`${command.join(' ')}: ${stderr}`)
  return JSON.parse(stdout) as Record<string, unknown>
}

/** Processes whose command line or working files name the repo. */
function left(): string[] {
  return execFileSync('ps', ['-eo', 'pid,stat,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(repo) && !/^\s*\d+ Z/.test(line))
}

function kill(line: string): void {
  try {
    process.kill(Number.parseInt(line, 10), 'SIGKILL')
  } catch {
    // It ended in the meantime.
  }
}

async function untilGone(): Promise<void> {
  for (let tries = 0; left().length > 0 && tries < 200; tries++) await sleep(100)
  expect(left()).toEqual([])
}

async function pids(): Promise<Record<string, number>> {
  return (
    JSON.parse(await readFile(join(repo, '.millcourse', 'stack.json'), 'utf8')) as { pids: Record<string, number> }
  ).pids
}

describe('from start to end', () => {
  beforeEach(newRepo)
  afterEach(removeRepo)

  test('it says what runs where, works, ends on Ctrl-C with nothing left, and goes on where it was', async () => {
    const first = start()
    const { addresses } = await ready(first)
    expect(Object.keys(addresses)).toEqual(expect.arrayContaining(['Temporal UI', 'Temporal', 'Postgres', 'DynamoDB']))
    // None that a connection on its way out may have got meanwhile.
    for (const name of ['Temporal UI', 'Temporal', 'Postgres', 'DynamoDB', 'Serving API'])
      expect(Number(/:(\d+)/.exec(addresses[name]!)?.[1]), name).toBeLessThan(30_000)
    expect((await fetch(addresses['Temporal UI']!)).status).toBe(200)
    expect(run('apply', '--paused')).toMatchObject({ revision: 1, isChanged: true })
    const { isHealthy, findings } = run('doctor') as { isHealthy: boolean; findings: { part: string; found: string }[] }
    expect(isHealthy).toBe(true)
    const found = Object.fromEntries(findings.map((finding) => [finding.part, finding.found]))
    expect(found).toMatchObject({
      Postgres: expect.stringMatching(/^18\.\d/),
      Temporal: expect.stringMatching(/^\d+\.\d+\.\d+ answers/),
      processes: 'worker, watcher, server ready',
    })
    expect((await fetch(`${addresses['Serving API']}/v1/online`)).status).toBe(200)

    first.kill('SIGINT')
    expect(await once(first, 'exit')).toEqual([0, null])
    expect(left()).toEqual([])

    const again = await ready(start())
    expect(again.addresses).toEqual(addresses)
    expect(run('apply', '--paused')).toMatchObject({ revision: 1, isChanged: false })
  })

  test('killed with -9 it leaves no process behind, and its lock is taken over', async () => {
    const { pid } = await ready(start())
    process.kill(pid, 'SIGKILL')
    await untilGone()
    await ready(start('--no-worker', '--no-watcher'))
  })

  test('Ctrl-C while it starts ends it with nothing left', async () => {
    const child = start()
    await sleep(900)
    child.kill('SIGINT')
    await once(child, 'exit')
    expect(left()).toEqual([])
  })
})

describe('while it runs', () => {
  beforeAll(async () => {
    await newRepo()
    await ready(start('--no-worker', '--no-watcher'))
  })
  afterAll(removeRepo)

  test('a second one in the same repo is refused, and does no harm to the first', async () => {
    const second = start()
    const errors = collect(second)
    expect(await once(second, 'exit')).toEqual([70, null])
    expect(JSON.parse(errors())).toMatchObject({ error: { code: 'STACK_START_FAILED' } })
    expect(run('apply', '--paused')).toMatchObject({ revision: 1 })
  })

  test.each(['temporal', 'postgres', 'dynamodb'])('when the %s dies it is started again', async (part) => {
    const before = (await pids())[part]!
    process.kill(before, 'SIGKILL')
    for (let tries = 0; (await pids())[part] === before && tries < 300; tries++) await sleep(100)
    expect((await pids())[part]).not.toBe(before)
    expect(run('apply', '--paused')).toMatchObject({ revision: 1 })
  })
})
