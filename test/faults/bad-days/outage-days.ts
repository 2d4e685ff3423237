/** The bad days of each part: what stands in its place, as the environment of who wants to reach it. */
import pg from 'pg'
import { type Fault, startFaultProxy } from '../../../drill/faults/fault-proxy.js'
import { type S3Fault, startS3Proxy } from '../../../drill/faults/s3-proxy.js'
import { startTcpProxy, type TcpMode } from '../../../drill/faults/tcp-proxy.js'
import { startTemporalTlsProxy } from '../../support/temporal-tls-proxy.js'
import type { OutageParts } from './outage-parts.js'
import { postgresRefusal } from './postgres-refusal.js'

export const partNames = ['Postgres', 'Temporal', 'S3', 'DynamoDB'] as const
export type PartName = (typeof partNames)[number]

export interface BadDay {
  readonly part: PartName
  readonly title: string
  readonly environment: Readonly<Record<string, string>>
}

type Stop = () => Promise<unknown>
/** Nobody listens on it, and nobody but root may. */
const closedPort = '127.0.0.1:1'
const unknownHost = 'nowhere.invalid'

export async function openBadDays(parts: OutageParts): Promise<{ days: readonly BadDay[]; stop: Stop }> {
  const stops: Stop[] = []
  const days = await Promise.all(
    [postgresDays, temporalDays, s3Days, dynamodbDays].map((open) => open(parts, (stop) => stops.push(stop))),
  )
  return { days: days.flat(), stop: () => Promise.all(stops.map((stop) => stop())) }
}

type Open = (parts: OutageParts, onStop: (stop: Stop) => void) => Promise<BadDay[]>

/** A proxy of its own for each: they are all open at once. */
async function tcp(target: string, mode: TcpMode, onStop: (stop: Stop) => void): Promise<string> {
  const proxy = await startTcpProxy(target)
  onStop(proxy.stop)
  await proxy.become(mode)
  return proxy.address
}

const postgresDays: Open = async ({ postgres }, onStop) => {
  const client = new pg.Client({ connectionString: postgres.url })
  await client.connect()
  await client.query(
    `CREATE ROLE crowded LOGIN PASSWORD 'a' CONNECTION LIMIT 0; CREATE ROLE stranger LOGIN PASSWORD 'a'`,
  )
  await client.end()
  const server = new URL(postgres.url).host
  const at = (changes: Partial<Pick<URL, 'host' | 'username' | 'password' | 'pathname'>>) => ({
    MILLCOURSE_POSTGRES_URL: Object.assign(new URL(postgres.url), changes).href,
  })
  const day = (title: string, environment: Record<string, string>): BadDay => ({ part: 'Postgres', title, environment })
  const behind = async (mode: TcpMode) => at({ host: await tcp(server, mode, onStop) })
  return [
    day('refuses connections', at({ host: closedPort })),
    day('takes connections and says nothing', await behind('silent')),
    day('has a host name that nobody knows', at({ host: `${unknownHost}:5432` })),
    day('refuses the password', at({ password: 'not-the-password' })),
    day('has no such database', at({ pathname: '/elsewhere' })),
    day('lets in, but not to the tables', at({ username: 'stranger', password: 'a' })),
    day('has too many connections', at({ username: 'crowded', password: 'a' })),
    day('is starting up', await behind({ answer: postgresRefusal('57P03', 'the database system is starting up') })),
    day(
      'is cut off in the middle of a query',
      await behind({ cutAt: (said) => /select/i.test(said.toString('latin1')) }),
    ),
  ]
}

const temporalDays: Open = async ({ temporal, authority }, onStop) => {
  const { address } = temporal.server
  const day = (title: string, environment: Record<string, string>): BadDay => ({ part: 'Temporal', title, environment })
  const answering = async (code: number, message: string) => {
    const proxy = await startTemporalTlsProxy({ authority, target: address, apiKeys: null })
    onStop(proxy.stop)
    proxy.answer({ code, message })
    return {
      TEMPORAL_ADDRESS: proxy.address,
      TEMPORAL_TLS_CA: authority.ca,
      TEMPORAL_TLS_SERVER_NAME: 'temporal.test',
      TEMPORAL_API_KEY: 'an-api-key-that-nobody-prints',
    }
  }
  return [
    day('refuses connections', { TEMPORAL_ADDRESS: closedPort }),
    day('takes connections and says nothing', { TEMPORAL_ADDRESS: await tcp(address, 'silent', onStop) }),
    day('has a host name that nobody knows', { TEMPORAL_ADDRESS: `${unknownHost}:7233` }),
    day('does not know the API key', await answering(16, 'Request unauthorized.')),
    day('denies access', await answering(7, 'Request forbidden.')),
    day('has no such namespace', { TEMPORAL_NAMESPACE: 'elsewhere' }),
    day('throttles', await answering(8, 'namespace rate limit exceeded')),
    day('is unavailable', await answering(14, 'upstream connect error')),
    day('fails inside', await answering(13, 'internal error')),
  ]
}

const s3Days: Open = async ({ s3 }, onStop) => {
  const day = (title: string, endpoint: string): BadDay => ({
    part: 'S3',
    title,
    environment: { MILLCOURSE_S3_ENDPOINT: endpoint },
  })
  const answering = async (fault: S3Fault) => {
    const proxy = await startS3Proxy(s3.endpoint)
    onStop(proxy.stop)
    proxy.choose = () => fault
    return proxy.endpoint
  }
  return [
    day('refuses connections', `http://${closedPort}`),
    day('takes connections and says nothing', `http://${await tcp(new URL(s3.endpoint).host, 'silent', onStop)}`),
    day('has a host name that nobody knows', `http://${unknownHost}`),
    day('denies access', await answering({ status: 403, code: 'AccessDenied' })),
    day('does not know the access key', await answering({ status: 403, code: 'InvalidAccessKeyId' })),
    day('says that the token has expired', await answering({ status: 400, code: 'ExpiredToken' })),
    day('throttles', await answering({ status: 503, code: 'SlowDown' })),
    day('answers 500', await answering({ status: 500, code: 'InternalError' })),
    day('cuts each connection', await answering('hang-up')),
  ]
}

const dynamodbDays: Open = async ({ dynalite }, onStop) => {
  const day = (title: string, endpoint: string): BadDay => ({
    part: 'DynamoDB',
    title,
    environment: { MILLCOURSE_DYNAMODB_ENDPOINT: endpoint },
  })
  const answering = async (fault: Fault) => {
    const proxy = await startFaultProxy(dynalite.endpoint)
    onStop(proxy.stop)
    proxy.choose = () => fault
    return proxy.endpoint
  }
  return [
    day('refuses connections', `http://${closedPort}`),
    day('takes connections and says nothing', `http://${await tcp(new URL(dynalite.endpoint).host, 'silent', onStop)}`),
    day('has a host name that nobody knows', `http://${unknownHost}`),
    day('denies access', await answering('denied')),
    day('says that the token has expired', await answering('expired')),
    day('throttles', await answering('throttle')),
    day('answers 500', await answering('server-error')),
    day('cuts each connection', await answering('reset-before')),
  ]
}
