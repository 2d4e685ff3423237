/** Whether a Temporal server works: asked as those who start workflows ask it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from '@temporalio/client'

/** Of gRPC. */
const notFound = 5
const askEveryMs = 5_000
const answerWithinMs = 5_000

/** False: nobody listens, it does not answer in time, or it does not know the namespace. */
export async function answersFor(address: string, namespace: string): Promise<boolean> {
  try {
    const connection = await Connection.connect({ address, connectTimeout: 1_000 })
    try {
      await connection.withDeadline(Date.now() + answerWithinMs, () => ask(connection, namespace))
      return true
    } finally {
      await connection.close()
    }
  } catch {
    // Whoever asks tries again until its time is up, and then says why from the server's log.
    return false
  }
}

/**
 * Settles once the server has not answered for so long (milliseconds), though its process lives: on SQLite one was seen to answer every call
 * with `interrupted (9)` for good after some minutes of a full machine. Rejects with the signal's reason when that is aborted.
 */
export async function untilSilent(
  { address, namespace }: { readonly address: string; readonly namespace: string },
  silentMs: number,
  signal: AbortSignal,
): Promise<void> {
  let answeredAt = performance.now()
  while (performance.now() - answeredAt < silentMs) {
    await sleep(Math.min(askEveryMs, silentMs / 4), undefined, { signal, ref: false })
    if (await answersFor(address, namespace)) answeredAt = performance.now()
  }
}

/** Each of its services learns of namespaces by itself, some later than the one that describes them: asked is what workflows are started by, too. */
async function ask({ workflowService }: Connection, namespace: string): Promise<void> {
  await workflowService.describeNamespace({ namespace })
  try {
    await workflowService.describeWorkflowExecution({ namespace, execution: { workflowId: 'none' } })
  } catch (error) {
    const { code, details } = error as { readonly code?: unknown; readonly details?: string }
    if (code !== notFound || details === undefined || /namespace/i.test(details)) throw error
  }
}
