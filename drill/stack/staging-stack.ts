/** A stack that is there already, by the environment: projects of the drills' own on it, and proxies before what they break. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../../workers/config.js'
import { startTcpProxy } from '../faults/tcp-proxy.js'
import { DrillStopped } from '../until.js'
import { openDrillEngine } from './drill-engine.js'
import type { BreakablePart, DrillStack, PartName } from './drill-stack.js'

export async function openStagingStack(config: Config, environment: NodeJS.ProcessEnv): Promise<DrillStack> {
  const dir = await mkdtemp(join(tmpdir(), 'millcourse-drill-'))
  const engine = await openDrillEngine(dir)
  return {
    kind: 'staging',
    dir,
    root: config.lake.startsWith('s3://') ? `${config.lake.replace(/\/$/, '')}/drills` : dir,
    environment: Object.fromEntries(
      Object.entries(environment).filter(
        (entry): entry is [string, string] => !!entry[1] && !alertsOfOthers.test(entry[0]),
      ),
    ),
    engine,
    breakable: (part) => proxied(part, config),
    async stop() {
      await engine.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** Nobody is called for a drill but the drill itself. */
const alertsOfOthers =
  /^MILLCOURSE_(ALERT_ROUTES|ALERT_ROUTES_FILE|WEBHOOK_URL|WEBHOOK_SECRET|HEARTBEAT_URL|NOW|TASK_QUEUE)$/

async function proxied(part: PartName, config: Config): Promise<BreakablePart> {
  const { target, environmentAt } = wayTo(part, config)
  const proxy = await startTcpProxy(target)
  return {
    environment: environmentAt(proxy.address),
    async break(how = 'gone') {
      if (how !== 'gone')
        throw new DrillStopped(`on this stack ${part} can be cut off, and nothing else: it is not ours`)
      await proxy.become('refuse')
    },
    mend: () => proxy.become('pass'),
    stop: proxy.stop,
  }
}

function wayTo(part: PartName, { postgresUrl, temporal, online, s3 }: Config) {
  switch (part) {
    case 'postgres': {
      const url = new URL(postgresUrl)
      return {
        target: `${url.hostname}:${url.port || 5432}`,
        environmentAt: (host: string) => ({
          MILLCOURSE_POSTGRES_URL: Object.assign(new URL(postgresUrl), { host }).href,
        }),
      }
    }
    case 'temporal':
      return {
        target: temporal.address,
        environmentAt: (address: string) => ({
          TEMPORAL_ADDRESS: address,
          // The certificate is the server's own, not the proxy's.
          ...(temporal.isTls && temporal.tls.serverName === null
            ? { TEMPORAL_TLS_SERVER_NAME: temporal.address.split(':')[0]! }
            : {}),
        }),
      }
    case 'dynamodb':
      return wayToUrl(online.endpoint, part, 'MILLCOURSE_DYNAMODB_ENDPOINT')
    case 's3':
      return wayToUrl(s3.endpoint, part, 'MILLCOURSE_S3_ENDPOINT')
  }
}

/** AWS's own is known by its name, which a proxy does not have: nothing can be put before it. */
function wayToUrl(endpoint: string | null, part: PartName, variable: string) {
  if (endpoint === null) throw new DrillStopped(`${part} of this stack is AWS's own: nothing can be put before it`)
  const url = new URL(endpoint)
  return {
    target: `${url.hostname}:${url.port || (url.protocol === 'https:' ? 443 : 80)}`,
    environmentAt: (host: string) => ({ [variable]: `${url.protocol}//${host}` }),
  }
}
