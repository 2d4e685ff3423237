/** A worker's ways to its four parts, each of which can be broken and mended while it works. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Fault, type FaultProxy, startFaultProxy } from '../../../drill/faults/fault-proxy.js'
import { type S3Fault, type S3Proxy, startS3Proxy } from '../../../drill/faults/s3-proxy.js'
import { startTcpProxy, type TcpMode, type TcpProxy } from '../../../drill/faults/tcp-proxy.js'
import { startTemporalTlsProxy, type TemporalTlsProxy } from '../../support/temporal-tls-proxy.js'
import type { PartName } from './outage-days.js'
import type { OutageParts } from './outage-parts.js'

/** Temporal's native client and DuckDB ask the machine, whose name service no test can take away. */
const names = { Postgres: 'postgres.test', S3: 'localhost', DynamoDB: 'dynamodb.test' } as const
type NamedPart = keyof typeof names

export interface OutageWays {
  readonly environment: Readonly<Record<string, string>>
  /** The same for a worker that reaches Postgres, S3 and DynamoDB by their names. */
  readonly named: Readonly<Record<string, string>>
  readonly tcp: Readonly<Record<PartName, TcpProxy>>
  readonly s3: S3Proxy
  readonly dynamodb: FaultProxy
  readonly temporal: TemporalTlsProxy
  /** Resolves when the worker next writes a candidate: a run is in its middle then. */
  midRun(): Promise<void>
  /** What S3 answers to all, and DynamoDB, there as soon as it is asked for the operation `from`; null: what it has to say. */
  answerS3(fault: S3Fault | null): void
  answerDynamodb(fault: Fault | null, from?: string): void
  /** From now on the worker's Node cannot find this part by its name; null: it can find all. */
  loseName(part: NamedPart | null): void
  stop(): Promise<void>
}

/** @param world has its lake in a folder of this name */
export async function openOutageWays(
  { postgres, temporal, s3, dynalite, authority, dir }: OutageParts,
  world: string,
): Promise<OutageWays> {
  const lostNamesFile = join(dir, `lost-names-${world}`)
  writeFileSync(lostNamesFile, '')
  const [temporalTls, s3Http, dynamodbHttp] = await Promise.all([
    startTemporalTlsProxy({ authority, target: temporal.server.address, apiKeys: null }),
    startS3Proxy(s3.endpoint),
    startFaultProxy(dynalite.endpoint),
  ])
  const tcp: Record<PartName, TcpProxy> = {
    Postgres: await startTcpProxy(new URL(postgres.url).host),
    Temporal: await startTcpProxy(temporalTls.address),
    S3: await startTcpProxy(new URL(s3Http.endpoint).host),
    DynamoDB: await startTcpProxy(new URL(dynamodbHttp.endpoint).host),
  }
  let s3Fault: S3Fault | null = null
  let onCandidate = () => {}
  s3Http.choose = (line) => {
    if (line.startsWith(`PUT /lake/${world}/candidates/`)) onCandidate()
    return s3Fault ?? 'none'
  }
  const environmentOf = (hosts: Readonly<Record<NamedPart, string>>) => ({
    MILLCOURSE_POSTGRES_URL: Object.assign(new URL(postgres.url), { host: `${hosts.Postgres}:${tcp.Postgres.port}` })
      .href,
    TEMPORAL_ADDRESS: tcp.Temporal.address,
    TEMPORAL_TLS_CA: authority.ca,
    TEMPORAL_TLS_SERVER_NAME: 'temporal.test',
    MILLCOURSE_S3_ENDPOINT: `http://${hosts.S3}:${tcp.S3.port}`,
    MILLCOURSE_DYNAMODB_ENDPOINT: `http://${hosts.DynamoDB}:${tcp.DynamoDB.port}`,
  })
  const here = '127.0.0.1'
  return {
    environment: environmentOf({ Postgres: here, S3: here, DynamoDB: here }),
    named: { ...environmentOf(names), MILLCOURSE_TEST_LOST_NAMES: lostNamesFile },
    ...{ tcp, s3: s3Http, dynamodb: dynamodbHttp, temporal: temporalTls },
    midRun: () =>
      new Promise((resolve) => {
        onCandidate = resolve
      }),
    answerS3(fault) {
      s3Fault = fault
    },
    answerDynamodb(fault, from) {
      let isBegun = from === undefined
      dynamodbHttp.choose = (asked) => {
        isBegun ||= asked === from
        return isBegun ? (fault ?? 'none') : 'none'
      }
    },
    loseName: (part) => writeFileSync(lostNamesFile, part === null ? '' : names[part]),
    async stop() {
      await Promise.all(Object.values(tcp).map((proxy) => proxy.stop()))
      await Promise.all([temporalTls.stop(), s3Http.stop(), dynamodbHttp.stop()])
    },
  }
}

/** How a part is broken, and mended. */
export interface Break {
  readonly part: string
  readonly title: string
  /** It lasts until an attempt of this step has failed and the next one is under way. */
  readonly outlasts?: 'publishInterval'
  begin(ways: OutageWays): void | Promise<void>
  end(ways: OutageWays): void | Promise<void>
}

export function byTcp(part: PartName, title: string, mode: TcpMode): Break {
  return { part, title, begin: ({ tcp }) => tcp[part].become(mode), end: ({ tcp }) => tcp[part].become('pass') }
}

/** Connections that are open are cut, else it would not be looked for. */
export function byName(part: NamedPart): Break {
  return {
    part,
    title: 'has a host name that nobody knows',
    async begin({ loseName, tcp }) {
      loseName(part)
      await tcp[part].become('pass')
    },
    end: ({ loseName }) => loseName(null),
  }
}

export function byS3(title: string, status: number, code: string): Break {
  return { part: 'S3', title, begin: (ways) => ways.answerS3({ status, code }), end: (ways) => ways.answerS3(null) }
}

/** Longer than the adapter is patient, where it goes by. @param from the operation that it begins with; absent: at once */
export function byDynamodb(title: string, fault: Fault, from?: string): Break {
  return {
    ...{ part: 'DynamoDB', title, outlasts: 'publishInterval' },
    begin: (ways) => ways.answerDynamodb(fault, from),
    end: (ways) => ways.answerDynamodb(null),
  }
}

export function byTemporal(title: string, code: number, message: string): Break {
  return {
    part: 'Temporal',
    title,
    begin: ({ temporal }) => temporal.answer({ code, message }),
    end: ({ temporal }) => temporal.answer(null),
  }
}

export function together(part: string, title: string, all: readonly Break[]): Break {
  return {
    part,
    title,
    async begin(ways) {
      await Promise.all(all.map(({ begin }) => begin(ways)))
    },
    async end(ways) {
      await Promise.all(all.map(({ end }) => end(ways)))
    },
  }
}
