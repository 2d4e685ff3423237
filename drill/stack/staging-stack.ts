/** A stack that is there already, by the environment: projects of the drills' own on it, and proxies before what they break. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../../workers/config.js'
import { startTcpProxy } from '../faults/tcp-proxy.js'
import { DrillStopped, NotPossibleHere } from '../until.js'
import { dynamodbBehindProxy } from './broken-dynamodb.js'
import { s3BehindProxy } from './broken-s3.js'
import { openDrillEngine } from './drill-engine.js'
import type { BreakablePart, DrillStack, PartName } from './drill-stack.js'

export async function openStagingStack(config: Config, environment: NodeJS.ProcessEnv): Promise<DrillStack> {
  const dir = await mkdtemp(join(tmpdir(), 'millcourse-drill-'))
  const engine = await openDrillEngine(dir)
  return {
    kind: 'staging',
    dir,
    root: isInS3(config) ? `${config.lake.replace(/\/$/, '')}/drills` : dir,
    environment: stackEnvironment(environment),
    engine,
    breakable: async (part) => breakable(part, config),
    async stop() {
      await engine.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/**
 * Of our own variables those that say where the stack's parts are. How this place's own processes work, whom they call, on which ports
 * they listen and which deployment they belong to is theirs: nobody is called for a drill but the drill itself.
 */
const ofTheStack = /^(?!MILLCOURSE_)|^MILLCOURSE_(POSTGRES_.*|S3_.*|DYNAMODB_.*|HTTPFS|ENVIRONMENT)$/

export function stackEnvironment(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => !!entry[1] && ofTheStack.test(entry[0])),
  )
}

const isInS3 = ({ lake }: Config) => lake.startsWith('s3://')

/** @throws NotPossibleHere where nothing can be put before it */
function breakable(part: PartName, config: Config): Promise<BreakablePart> {
  switch (part) {
    case 'dynamodb':
      return dynamodbBehindProxy(withoutTls('DynamoDB', config.online.endpoint))
    case 's3': {
      if (!isInS3(config)) throw new NotPossibleHere('the lake of this stack is a folder: there is no S3 to break')
      const endpoint = withoutTls('S3', config.s3.endpoint)
      if (config.s3.isPathStyle) return s3BehindProxy(endpoint)
      throw new NotPossibleHere('S3 of this stack has a host name for each bucket, which a proxy has not')
    }
    case 'postgres':
      return cutOff(part, wayToPostgres(config))
    case 'temporal':
      return cutOff(part, wayToTemporal(config))
  }
}

/** A proxy has neither the certificate nor the name of what is behind it. */
function withoutTls(what: string, endpoint: string | null): string {
  if (endpoint === null) throw new NotPossibleHere(`${what} of this stack is AWS's own: nothing can be put before it`)
  if (new URL(endpoint).protocol === 'http:') return endpoint
  throw new NotPossibleHere(`${what} of this stack is reached by TLS: nothing can be put before it`)
}

interface Way {
  /** `host:port` */
  readonly target: string
  readonly environmentAt: (address: string) => Readonly<Record<string, string>>
}

/** What speaks no HTTP can be cut off, and nothing else: it is not ours. */
async function cutOff(part: PartName, { target, environmentAt }: Way): Promise<BreakablePart> {
  const proxy = await startTcpProxy(target)
  return {
    environment: environmentAt(proxy.address),
    async break(how = 'gone') {
      if (how !== 'gone') throw new DrillStopped(`${part} can be cut off, and nothing else`)
      await proxy.become('refuse')
    },
    mend: () => proxy.become('pass'),
    stop: proxy.stop,
  }
}

function wayToPostgres({ postgresUrl }: Config): Way {
  const url = new URL(postgresUrl)
  if (url.searchParams.get('sslmode') === 'verify-full')
    throw new NotPossibleHere('Postgres of this stack has to have its name in its certificate (sslmode=verify-full)')
  return {
    target: `${url.hostname}:${url.port || 5432}`,
    environmentAt: (host) => ({ MILLCOURSE_POSTGRES_URL: Object.assign(new URL(postgresUrl), { host }).href }),
  }
}

function wayToTemporal({ temporal: { address, isTls, tls } }: Config): Way {
  return {
    target: address,
    environmentAt: (proxied) => ({
      TEMPORAL_ADDRESS: proxied,
      // The certificate is the server's own, not the proxy's.
      ...(isTls && tls.serverName === null ? { TEMPORAL_TLS_SERVER_NAME: address.split(':')[0]! } : {}),
    }),
  }
}
