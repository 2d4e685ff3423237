/**
 * What a person reads whose command meets a part that is away, refuses or is overrun: every command that needs the part, on each of its
 * bad days. The pages below `outages/` are the whole of it: stderr, what doctor finds wrong, the exit code. The days overlap, because
 * most of the time goes into the product's own time limits.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadFeatureRepo } from '../../../adapters/feature-repo/feature-repo-loader.js'
import { runCommandLine } from '../../../cli/command-line.js'
import { openContext } from '../../../workers/stack-context.js'
import { writeStackFile } from '../../../workers/stack-file.js'
import { livingProcess } from '../../../workers/stack-process.js'
import { startProduct } from '../../support/product-process.js'
import { hourStart, orderFile, orderRows } from '../../support/shop-repo.js'
import { deliver, openWorld, type World } from '../../support/world.js'
import { type BadDay, openBadDays, type PartName, partNames } from './outage-days.js'
import { type OutageParts, openOutageParts } from './outage-parts.js'

const project = 'outages'
const silence = 'takes connections and says nothing'
const definitions = `import { entity, featureView, lookup, parquet, t } from 'millcourse'
export const user = entity('user', { keys: { user_id: t.int64() }, owner: 'shop' })
export const orders = parquet('orders', {
  path: 'orders/date={yyyy-MM-dd}/hour={HH}/*.parquet', eventTime: 'ts', owner: 'shop',
  schema: { ts: t.timestamp(), user_id: t.int64(), amount: t.float64().nullable(), item: t.string() },
})
export const lastOrder = featureView('last_order', {
  version: 1, entity: user, source: orders, since: '${hourStart(0)}', every: '1h', owner: 'shop',
  features: { item: lookup(), amount: lookup() },
})
`
const shows = `last_order@${hourStart(0)}`
const restore = ['restore', '--from', 'BACKUP', '--replace']
const trainingSet = ['training-set', '--spine', 'SPINE', '--event-time', 'at', '--features', 'last_order:item']
/** Where nothing answers, the process itself has to end, whatever is still open in it. */
const silent: Readonly<Record<PartName, { readonly command: readonly string[]; readonly exitCode: number }>> = {
  Postgres: { command: ['runs'], exitCode: 69 },
  Temporal: { command: ['materialize', 'last_order'], exitCode: 69 },
  S3: { command: ['backup', '--out', 's3://lake/backups'], exitCode: 69 },
  DynamoDB: { command: ['get', 'last_order', 'user_id=1'], exitCode: 69 },
}
/** Those that need the part. */
const commands: Readonly<Record<PartName, readonly (readonly string[])[]>> = {
  Postgres: [
    ['plan'],
    ['apply'],
    ['migrate'],
    ['materialize', 'last_order'],
    ['runs'],
    ['runs', 'show', shows],
    ['decide', shows, 'rerun', '--reason', 'x'],
    ['incidents'],
    ['get', 'last_order', 'user_id=1'],
    [...trainingSet, '--out', 'OUT'],
    ['backup', '--out', 'FOLDER'],
    restore,
    ['doctor'],
  ],
  Temporal: [
    ['apply'],
    ['materialize', 'last_order'],
    // Overdue; the same decision said twice is one.
    ['decide', `last_order@${hourStart(1)}`, 'reject', '--reason', 'x', '--now', hourStart(2)],
    ['doctor'],
  ],
  S3: [
    [...trainingSet, '--out', 's3://lake/out.parquet'],
    ['backup', '--out', 's3://lake/backups'],
    restore,
    ['doctor'],
  ],
  DynamoDB: [['plan'], ['get', 'last_order', 'user_id=1'], restore, ['doctor']],
}

let dir: string
let parts: OutageParts
let world: World
let backup: string
/** What lies in Postgres before anybody meets a bad day. */
let schemas: readonly string[]
/** One restore at a time: they fill one place beside the ledger. */
let restoring: Promise<unknown> = Promise.resolve()
let begun: Promise<unknown> = Promise.resolve()
const pages = new Map<PartName, Promise<string>[]>()
const ends = new Map<PartName, Promise<number | null>>()
let opened: Awaited<ReturnType<typeof openBadDays>>

beforeAll(async () => {
  dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'outages-'))
  parts = await openOutageParts(dir)
  const repo = await loadFeatureRepo(await repoIn('good', {}))
  world = await openWorld(parts.servers, project, dir, () => repo, parts.environment)
  await deliver(await world.ports.engine(), `s3://sources/root/${orderFile(0)}`, orderRows(0, 10))
  const worker = await world.startWorker()
  await world.settle(hourStart(1))
  await worker.stop()
  const good = await see(['backup', '--out', 'FOLDER', '--json'], await repoIn('good', {}), (text) => text)
  backup = JSON.parse(good.slice(0, good.lastIndexOf('exit'))).backup
  schemas = await schemasThere()
  writeFileSync(join(dir, 'spine.csv'), `user_id,at\n1,${hourStart(1)}\n`)
  opened = await openBadDays(parts)
  for (const day of opened.days.filter(({ title }) => title === silence)) ends.set(day.part, endOfProcess(day))
  for (const part of partNames) pages.set(part, opened.days.filter((day) => day.part === part).map(pageInTurn))
})

afterAll(async () => {
  await opened?.stop()
  await world?.close()
  await parts?.stop()
  rmSync(dir, { recursive: true, force: true })
})

/** A feature repo beside a stack whose parts are where `environment` says. */
async function repoIn(name: string, environment: Readonly<Record<string, string>>): Promise<string> {
  const repo = join(dir, name)
  mkdirSync(join(repo, 'views'), { recursive: true })
  writeFileSync(join(repo, 'millcourse.json'), JSON.stringify({ project }))
  writeFileSync(join(repo, 'views', 'all.ts'), definitions)
  const owner = livingProcess(process.pid)!
  const said = { ...world?.environment, MILLCOURSE_NOW: hourStart(1), ...environment }
  await writeStackFile(repo, { owner, startedAt: '', environment: said, addresses: {}, pids: {}, http: {} })
  return repo
}

/** As a person sees it: what went to stderr (of doctor: what it finds wrong), and the exit code. */
async function see(command: readonly string[], repo: string, show = anywhere): Promise<string> {
  let [out, err] = ['', '']
  const places: Record<string, string> = {
    SPINE: join(dir, 'spine.csv'),
    OUT: join(repo, 'out.parquet'),
    FOLDER: repo,
    BACKUP: backup,
  }
  const exitCode = await runCommandLine([...command.map((word) => places[word] ?? word), '--repo', repo], {
    ...{ version: '0', openContext, signal: () => new AbortController().signal },
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
  })
  const shown = command[0] === 'doctor' ? wrongLines(out) : exitCode === 0 || exitCode === 2 ? out + err : err
  return `${show(shown, repo).trimEnd()}\nexit ${exitCode}`
}

function seeRestore(repo: string): Promise<string> {
  const seen = restoring.then(() => see(restore, repo))
  restoring = seen
  return seen
}

async function schemasThere(): Promise<string[]> {
  const client = new pg.Client({ connectionString: parts.postgres.url })
  await client.connect()
  const { rows } = await client.query<{ name: string }>(
    `SELECT nspname AS name FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1`,
  )
  await client.end()
  return rows.map(({ name }) => name)
}

/** With the advice below each. */
function wrongLines(text: string): string {
  const lines = text.split('\n')
  return lines.filter((line, at) => line.startsWith('WRONG') || lines[at - 1]?.startsWith('WRONG')).join('\n')
}

/** Without what differs from machine to machine and from run to run. */
function anywhere(text: string, repo: string): string {
  return text
    .replaceAll(repo, '/repo')
    .replaceAll(dir, '/tmp')
    .replaceAll(/127\.0\.0\.1:\d{2,}/g, '127.0.0.1:PORT')
    .replaceAll(/getaddrinfo (ENOTFOUND|EAI_AGAIN)/g, 'getaddrinfo ENOTFOUND')
    .replaceAll(/doctor-\d+-\d+/g, 'doctor-ID')
    .replaceAll(/-\d{8}T\d{6}Z/g, '-TIME')
    .replaceAll(/Deadline exceeded after .*/g, 'Deadline exceeded after …')
    .replaceAll(/\d+\.\d+\.\d+ answers/g, 'VERSION answers')
}

/** Doctor looks at everything each time, and restores wait for each other: of their days only those that differ for them. */
const fewDays = /^(refuses connections|denies access|refuses the password|has no such)/
const ofFewDays: readonly string[] = ['doctor', 'restore']

/** Begun one after the other: a hundred commands that start at once are too slow for the time limits of the parts that are well. */
function pageInTurn(day: BadDay): Promise<string> {
  const seen = begun.then(() => page(day))
  begun = Promise.race([seen.catch(() => {}), begun.then(() => pause(1_000))])
  return seen
}

/** Commands that say the same are shown together. */
async function page(day: BadDay): Promise<string> {
  const asked = commands[day.part].filter(([name]) => !ofFewDays.includes(name!) || fewDays.test(day.title))
  const repo = await repoIn(`${day.part}-${day.title}`.replaceAll(/\W+/g, '-'), day.environment)
  const seen = new Map<string, string[]>()
  const texts = await Promise.all(asked.map((command) => (command === restore ? seeRestore(repo) : see(command, repo))))
  for (const [index, text] of texts.entries()) seen.set(text, [...(seen.get(text) ?? []), nameOf(asked[index]!)])
  const shown = [...seen].map(([text, names]) => `$ millcourse ${names.join(' | ')}\n${text}`)
  return `== ${day.part} ${day.title}\n\n${shown.join('\n\n')}\n`
}

async function endOfProcess({ part, title, environment }: BadDay): Promise<number | null> {
  const repo = await repoIn(`${part}-process-${title}`.replaceAll(/\W+/g, '-'), environment)
  const started = startProduct([...silent[part].command, '--repo', repo], awsCredentials(), repo)
  const [exitCode] = await started.exited
  return exitCode
}

function awsCredentials(): Record<string, string> {
  const { accessKeyId, secretAccessKey } = parts.s3.credentials
  return { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey }
}

function nameOf([name, next]: readonly string[]): string {
  return next === 'show' ? `${name} ${next}` : name!
}

test.each(partNames)('a command that needs %s says what is wrong, what to do, and ends', async (part) => {
  const text = (await Promise.all(pages.get(part)!)).join('\n\n')
  expect(text).not.toMatch(/^\s+at /m)
  for (const secret of [new URL(parts.postgres.url).password, 'not-the-password', 'an-api-key-that-nobody-prints'])
    expect(text).not.toContain(secret)
  await expect(text).toMatchFileSnapshot(`outages/${part.toLowerCase()}.golden.txt`)
})

test('a restore that met a bad day has left nothing behind, and the ledger as it was', async () => {
  await Promise.all([...pages.values()].flat())
  expect(await schemasThere()).toEqual(schemas)
  expect(await (await world.ports.ledger()).runs({ view: 'last_order', limit: 5 })).toMatchObject([{ outcome: 'done' }])
})

test('`apply --json` tells why the schedules are as they were as every error is told', async () => {
  const repo = await repoIn('without-temporal', { TEMPORAL_ADDRESS: '127.0.0.1:1' })
  const { schedules, schedulesError } = JSON.parse((await see(['apply', '--json'], repo)).replace(/exit 2$/, ''))
  expect(schedules).toBeNull()
  expect(schedulesError).toMatchObject({
    ...{ code: 'TEMPORAL_UNREACHABLE', retry: 'backoff', facts: { address: '127.0.0.1:1' } },
    causes: expect.arrayContaining([expect.stringContaining('ECONNREFUSED')]),
    hint: expect.stringMatching(/TEMPORAL_ADDRESS.*apply again/),
  })
})

test.each(partNames)('a process that %s leaves without an answer ends by itself', async (part) => {
  expect(await ends.get(part)).toBe(silent[part].exitCode)
})
