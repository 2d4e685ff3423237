/** As whom S3 is asked, and whether it is who it says: a role taken on, a profile, TLS with an authority of one's own. */
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createDuckdbEngine } from '../../adapters/duckdb/duckdb-query-engine.js'
import { type S3Proxy, startS3Proxy } from '../../drill/faults/s3-proxy.js'
import type { S3Config } from '../../workers/config.js'
import { openStackLakes } from '../../workers/stack-lakes.js'
import { startTestS3, type TestS3 } from '../support/versitygw.js'

const roleArn = 'arn:aws:iam::123456789012:role/lake-reader'
const nobody = { endpoint: null, isPathStyle: true, region: 'eu-west-1', roleArn: null, caFile: null }

let folder: string
let server: TestS3
let proxy: S3Proxy
let sts: Server
let asked: { body: URLSearchParams; headers: IncomingHttpHeaders }[]
/** Of what STS gives next, from now. */
let livesMs: number
const before = { ...process.env }
const closers: (() => Promise<void>)[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'millcourse-access-'))
  server = await startTestS3()
  await server.newBucket('lake')
  proxy = await startS3Proxy(server.endpoint)
  // As AWS's STS answers; each time with another session.
  sts = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.once('end', () => {
      asked.push({ body: new URLSearchParams(Buffer.concat(chunks).toString()), headers: incoming.headers })
      outgoing.writeHead(200, { 'content-type': 'text/xml' }).end(`
        <AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
          <AssumedRoleUser><AssumedRoleId>AROA:x</AssumedRoleId><Arn>arn:aws:sts::123456789012:assumed-role/x/y</Arn></AssumedRoleUser>
          <Credentials><AccessKeyId>${server.credentials.accessKeyId}</AccessKeyId><SecretAccessKey>${server.credentials.secretAccessKey}</SecretAccessKey>
          <SessionToken>session-${asked.length}</SessionToken><Expiration>${new Date(Date.now() + livesMs).toISOString()}</Expiration></Credentials>
        </AssumeRoleResult></AssumeRoleResponse>`)
    })
  })
  await new Promise<void>((resolve) => sts.listen(0, '127.0.0.1', resolve))
})

afterAll(async () => {
  sts.close()
  sts.closeAllConnections()
  await proxy.stop()
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

beforeEach(() => {
  asked = []
  livesMs = 3_600_000
  proxy.choose = () => 'none'
  Object.assign(process.env, server.environment)
})

afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
  Object.assign(process.env, before)
})

async function open(config: Partial<S3Config>) {
  const lakes = openStackLakes({ ...nobody, endpoint: proxy.endpoint, ...config })
  const engine = await createDuckdbEngine({ memoryLimitMb: 256, spillDir: folder, threads: 1, s3: lakes.s3Access })
  closers.push(async () => {
    await engine.close()
    await lakes.close()
  })
  const lake = await lakes.lakeAt('s3://lake/root')
  const all = (sql: string) => engine.withSession((session) => session.all({ sql }))
  return { lake, all, uri: lake.uri('x.parquet') }
}

/** Session tokens that arrive, by request: the lake's, and DuckDB's. */
function watchTokens(): Map<string, unknown> {
  const tokens = new Map<string, unknown>()
  proxy.choose = (line, _, headers) => {
    tokens.set(line.split(' ')[0]!, headers['x-amz-security-token'])
    // The server knows no sessions of AWS's.
    return { status: 403, code: 'AccessDenied' }
  }
  return tokens
}

test('a role is taken on with the credentials of the chain, for the lake and for DuckDB, once', async () => {
  process.env.AWS_ENDPOINT_URL_STS = `http://127.0.0.1:${(sts.address() as AddressInfo).port}`
  const { lake, all, uri } = await open({ roleArn })
  const tokens = watchTokens()
  await expect(lake.read('x')).rejects.toMatchObject({ code: 'LAKE_ACCESS_DENIED' })
  await expect(all(`SELECT * FROM read_parquet('${uri}')`)).rejects.toMatchObject({ code: 'SOURCE_ACCESS_DENIED' })
  expect([...tokens]).toEqual([
    ['GET', 'session-1'],
    ['HEAD', 'session-1'],
  ])
  expect(asked).toHaveLength(1)
  expect(Object.fromEntries(asked[0]!.body)).toMatchObject({
    Action: 'AssumeRole',
    RoleArn: roleArn,
    RoleSessionName: 'millcourse',
  })
  expect(asked[0]!.headers.authorization).toMatch(
    new RegExp(`Credential=${server.credentials.accessKeyId}/\\d+/eu-west-1/sts/aws4_request`),
  )
}, 60_000)

test('a session that is about to expire is renewed, for DuckDB too', async () => {
  process.env.AWS_ENDPOINT_URL_STS = `http://127.0.0.1:${(sts.address() as AddressInfo).port}`
  livesMs = 60_000
  const { all, uri } = await open({ roleArn })
  const seen: unknown[] = []
  for (const _ of [1, 2]) {
    const tokens = watchTokens()
    await all(`SELECT * FROM read_parquet('${uri}')`).catch(() => {})
    seen.push(tokens.get('HEAD'))
  }
  expect(seen[1]).not.toBe(seen[0])
  expect(asked.length).toBeGreaterThan(1)
}, 60_000)

test('a profile, and a session token of the environment', async () => {
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) process.env[name] = ''
  const file = join(folder, 'credentials')
  const { accessKeyId, secretAccessKey } = server.credentials
  await writeFile(file, `[team]\naws_access_key_id=${accessKeyId}\naws_secret_access_key=${secretAccessKey}\n`)
  Object.assign(process.env, { AWS_SHARED_CREDENTIALS_FILE: file, AWS_CONFIG_FILE: '/dev/null', AWS_PROFILE: 'team' })
  const named = await open({ region: 'us-east-1' })
  await named.all(`COPY (SELECT 7 AS x) TO '${named.uri}' (FORMAT parquet)`)
  expect(await named.all(`SELECT x FROM read_parquet('${named.uri}')`)).toEqual([{ x: 7 }])

  Object.assign(process.env, server.environment, { AWS_PROFILE: '', AWS_SESSION_TOKEN: 'of-the-environment' })
  const { lake } = await open({})
  const tokens = watchTokens()
  await expect(lake.read('x')).rejects.toMatchObject({ code: 'LAKE_ACCESS_DENIED' })
  expect(tokens.get('GET')).toBe('of-the-environment')
})

test('TLS: an authority of one’s own is trusted when it is named, and nobody else is', async () => {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '2'].concat([
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=IP:127.0.0.1,DNS:localhost',
    ]),
    { stdio: 'ignore' },
  )
  const secure = await startTestS3({ tls: { cert, key } })
  closers.push(() => secure.stop())
  await secure.newBucket('lake')
  const place = { endpoint: secure.endpoint, region: 'us-east-1' }
  const trusted = await open({ ...place, caFile: cert })
  await trusted.all(`COPY (SELECT 7 AS x) TO '${trusted.uri}' (FORMAT parquet)`)
  expect((await trusted.lake.head('x.parquet'))?.sizeBytes).toBeGreaterThan(0)
  expect(await trusted.all(`SELECT x FROM read_parquet('${trusted.uri}')`)).toEqual([{ x: 7 }])
  const stranger = await open(place)
  for (const ask of [
    () => stranger.lake.head('x.parquet'),
    () => stranger.all(`SELECT x FROM read_parquet('${stranger.uri}')`),
  ])
    await expect(ask()).rejects.toMatchObject({
      code: 'LAKE_UNREACHABLE',
      detail: { hint: 'name its authority: MILLCOURSE_S3_CA' },
    })
}, 60_000)
