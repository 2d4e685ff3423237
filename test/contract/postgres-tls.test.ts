/** Postgres by URL with TLS, against a real server that asks for it: what libpq's parameters promise, and what is said where it fails. */
import { chownSync, copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../adapters/embedded/embedded-postgres.js'
import { connectPostgres } from '../../adapters/postgres/index.js'
import { createTestAuthority, type TestAuthority } from '../support/temporal-tls-proxy.js'

let dir: string
let [authority, stranger]: [TestAuthority, TestAuthority] = [] as never
let server: EmbeddedPostgres
/** What the server said before it spoke TLS. */
let spokePlain: unknown

beforeAll(async () => {
  dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'postgres-tls-'))
  ;[authority, stranger] = [createTestAuthority('localhost'), createTestAuthority('localhost')]
  server = await startEmbeddedPostgres({ dir, settings: { fsync: 'off' } })
  spokePlain = await tell(`?sslmode=verify-full&sslrootcert=${authority.ca}`)
  await server.stop()
  const cluster = join(dir, 'cluster')
  const { uid, gid } = statSync(cluster)
  for (const name of ['cert', 'key'] as const) {
    copyFileSync(authority.server[name], join(cluster, `server.${name}`))
    chownSync(join(cluster, `server.${name}`), uid, gid)
  }
  const rules = join(cluster, 'pg_hba.conf')
  writeFileSync(rules, readFileSync(rules, 'utf8').replaceAll(/^host /gm, 'hostssl '))
  const tls = { ssl: 'on', ssl_cert_file: 'server.cert', ssl_key_file: 'server.key' }
  server = await startEmbeddedPostgres({ dir, settings: { fsync: 'off', ...tls } })
})

afterAll(async () => {
  await server?.stop()
  for (const one of [authority, stranger]) one?.remove()
  rmSync(dir, { recursive: true, force: true })
})

/** `TLSv1.3`, or the error. */
async function tell(parameters: string, host = 'localhost'): Promise<unknown> {
  const url = `${Object.assign(new URL(server.url), { hostname: host }).href}${parameters}`
  const stores = connectPostgres({ url, project: 'tls' })
  try {
    await stores.migrate()
    return 'let in'
  } catch (error) {
    expect(String(error)).not.toContain(new URL(server.url).password)
    return error
  } finally {
    await stores.close()
  }
}

const refused = (words: string, hint: string) => ({
  code: 'LEDGER_ACCESS_DENIED',
  message: expect.stringContaining(`no way into Postgres at ${words}`),
  detail: { hint: expect.stringContaining(hint) },
})
const at = (host: string) => `${host}:${server.port}/postgres`

test('a certificate of the named authority, for the name in the URL, is taken', async () => {
  expect(await tell(`?sslmode=verify-full&sslrootcert=${authority.ca}`)).toBe('let in')
})

test('an authority that did not sign it is refused', async () => {
  expect(await tell(`?sslmode=verify-full&sslrootcert=${stranger.ca}`)).toMatchObject(
    refused(`${at('localhost')}: unable to verify the first certificate`, 'sslrootcert'),
  )
})

test('an authority that nobody named is refused', async () => {
  expect(await tell('?sslmode=verify-full')).toMatchObject(
    refused(`${at('localhost')}: unable to verify the first certificate`, 'sslrootcert'),
  )
})

test('another name than the certificate has is refused', async () => {
  expect(await tell(`?sslmode=verify-full&sslrootcert=${authority.ca}`, '127.0.0.1')).toMatchObject({
    ...refused('', 'as its certificate does'),
    message: expect.stringContaining('does not match certificate'),
  })
})

test('require encrypts and asks nobody who the server is, unless an authority is named', async () => {
  const warned: unknown[] = []
  const warn = (warning: unknown) => warned.push(warning)
  process.on('warning', warn)
  expect(await tell('?sslmode=require', '127.0.0.1')).toBe('let in')
  expect(await tell(`?sslmode=require&sslrootcert=${authority.ca}`, '127.0.0.1')).toBe('let in')
  expect(await tell(`?sslmode=require&sslrootcert=${stranger.ca}`)).toMatchObject(refused('', 'sslrootcert'))
  process.off('warning', warn)
  expect(warned).toEqual([])
})

test('verify-ca asks for the authority, not for the name', async () => {
  expect(await tell(`?sslmode=verify-ca&sslrootcert=${authority.ca}`, '127.0.0.1')).toBe('let in')
  expect(await tell(`?sslmode=verify-ca&sslrootcert=${stranger.ca}`)).toMatchObject(refused('', 'sslrootcert'))
})

test('disable speaks none', async () => {
  expect(await tell('?sslmode=disable')).toMatchObject({ message: expect.stringContaining('no encryption') })
})

test.each([
  '?sslmode=bananas',
  '?sslmode=',
  '?sslmode=prefer',
  '?sslmode=verify-ca',
  '?sslmode=require&sslmode=disable',
])('%s is refused before anybody is asked', async (parameters) => {
  const found = tell(parameters).catch((error: unknown) => error)
  expect(await found).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('sslmode') })
})

test('who speaks no TLS is refused by a server that wants it', async () => {
  expect(await tell('', '127.0.0.1')).toMatchObject({
    ...refused('', 'TLS'),
    message: expect.stringContaining('no encryption'),
  })
})

test('a server that speaks none is not sent the password', () => {
  expect(spokePlain).toMatchObject(refused(`${spokeAt()}: it speaks no TLS`, 'ssl = on'))
})

/** It had another port then. */
function spokeAt(): string {
  return String((spokePlain as { detail: { facts: { server: string } } }).detail.facts.server)
}
