/**
 * The SDK's runtime in Rust, one per process, whoever makes it first. Left alone it writes lines of its own, in colours, to stdout, where
 * our log is JSON; and it ends with a bare error where its metrics cannot be shown.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { DefaultLogger, IllegalStateError, Runtime } from '@temporalio/worker'
import type { Log } from '../activities/activity-deps.js'
import { MillcourseError } from '../core/errors.js'
import { logTemporal } from './temporal-log.js'

/**
 * The process's root decides about signals, not the SDK.
 * @param metricsAddress `host:port` where the SDK shows its own metrics: it has a server of its own for them; null: nowhere
 * @throws MillcourseError CONFIG_INVALID where it cannot show them there
 */
export async function installTemporalRuntime(log: Log, metricsAddress: string | null): Promise<void> {
  const bindAddress = metricsAddress === null ? null : await freeAddress(metricsAddress)
  try {
    Runtime.install({
      shutdownSignals: [],
      telemetryOptions: {
        // What the native side says comes as what the SDK's TypeScript says: through our log, with its level and redaction.
        logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} },
        ...(bindAddress === null
          ? {}
          : { metrics: { prometheus: { bindAddress, countersTotalSuffix: true, unitSuffix: true } } }),
      },
      logger: new DefaultLogger('WARN', logTemporal(log)),
    })
    if (bindAddress !== null) log.info({ address: bindAddress }, "Temporal's own metrics are shown")
  } catch (error) {
    if (error instanceof IllegalStateError) return
    if (metricsAddress === null) throw error
    throw cannotShow(metricsAddress, error)
  }
}

/** The SDK wants a number for a host and says little of a port in use: listening there once tells both. */
async function freeAddress(address: string): Promise<string> {
  const at = address.lastIndexOf(':')
  const server = createServer()
  try {
    server.listen(Number(address.slice(at + 1)), address.slice(0, at).replace(/^\[(.*)\]$/, '$1'))
    await once(server, 'listening')
    const { address: host, port, family } = server.address() as AddressInfo
    return family === 'IPv6' ? `[${host}]:${port}` : `${host}:${port}`
  } catch (error) {
    throw cannotShow(address, error)
  } finally {
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
}

function cannotShow(address: string, cause: unknown): MillcourseError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new MillcourseError('CONFIG_INVALID', `MILLCOURSE_TEMPORAL_METRICS: cannot listen on ${address} (${why})`, {
    cause,
    hint: 'let MILLCOURSE_TEMPORAL_METRICS name an address of this machine and a free port, as 0.0.0.0:9464, or leave it out',
    facts: { variables: 'MILLCOURSE_TEMPORAL_METRICS', address },
  })
}
