/** The worker's own connection to Temporal: waited for patiently, with an API key that may be replaced while the process runs. */
import { NativeConnection } from '@temporalio/worker'
import type { Log } from '../activities/activity-deps.js'
import { connectionSettings } from '../adapters/temporal/client.js'
import { fromTemporalError } from '../adapters/temporal/errors.js'
import type { MillcourseError } from '../core/errors.js'
import type { TemporalConfig } from './config.js'
import { patiently } from './patiently.js'

export interface WorkerConnection {
  readonly connection: NativeConnection
  close(): Promise<void>
}

/** Told of each try that failed, and why. */
export type AwayListener = (why: MillcourseError) => void

/** The server cannot tell us of a new key, and a file has no reliable notice everywhere. */
const apiKeyEveryMs = 10_000

/**
 * Null: told to stop before the server answered. What the server refuses (an unknown key, a certificate that nobody trusts, a namespace
 * that is not there) is waited for too, and said each time: somebody is about to mend it, and no restart should be needed then.
 * @throws MillcourseError CONFIG_INVALID what this process's own files hold
 */
export async function connectWorker(
  target: TemporalConfig,
  { log, signal, onAway }: { readonly log: Log; readonly signal: AbortSignal; readonly onAway?: AwayListener },
): Promise<WorkerConnection | null> {
  const { apiKey, ...settings } = await connectionSettings(target)
  const connection = await patiently(
    async () => {
      const opened = await NativeConnection.connect({ ...settings, ...(apiKey ? { apiKey: apiKey() } : {}) })
      try {
        // Connecting asks nothing that a namespace or a key could refuse everywhere; working does, and would end the worker.
        await opened.workflowService.describeNamespace({ namespace: target.namespace })
        return opened
      } catch (error) {
        await opened.close()
        throw error
      }
    },
    {
      signal,
      onAway: (error, nextTryMs) => {
        const known = fromTemporalError(error, target)
        onAway?.(known)
        const { code, message, detail } = known
        const { address, namespace } = target
        log.warn({ address, namespace, code, hint: detail.hint, error, nextTryMs }, `${message}; it is tried again`)
      },
    },
  )
  if (connection === null) return null
  const renewing = apiKey && setInterval(() => void connection.setApiKey(apiKey()), apiKeyEveryMs).unref()
  return {
    connection,
    async close() {
      if (renewing) clearInterval(renewing)
      await connection.close()
    },
  }
}
