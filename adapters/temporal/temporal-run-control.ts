import { randomUUID } from 'node:crypto'
import type { Client } from '@temporalio/client'
import type { FeatureViewDefinition } from '../../core/define/definitions.js'
import { MillcourseError } from '../../core/errors.js'
import {
  type DecideInput,
  decideWorkflowId,
  type RunControl,
  type ScheduleChanges,
  type TickInput,
  type TickResult,
} from '../../core/ports/run-control.js'
import { type TemporalTarget, temporalClient, temporalProbe } from './client.js'
import { fromTemporalError } from './errors.js'
import { syncSchedules } from './schedules.js'

export interface TemporalRunControlOptions extends TemporalTarget {
  readonly project: string
  readonly taskQueue: string
  /** Of scheduled ticks: at most so many runs each. */
  readonly runsPerTick: number
  readonly heartbeatMs: number
  /** After so long without an answer it is asked whether anybody works on the task queue at all. */
  readonly workerPatienceMs?: number
}

/** TASK_QUEUE_TYPE_WORKFLOW of Temporal's API. */
const workflowQueue = 1

export class TemporalRunControl implements RunControl {
  private client: Promise<Client> | null = null
  private probe: Promise<Client> | null = null

  constructor(private readonly options: TemporalRunControlOptions) {}

  async tick(input: TickInput): Promise<TickResult> {
    return this.ask(async (client) => {
      const { project, taskQueue, heartbeatMs } = this.options
      const handle = await client.workflow.start<(input: TickInput) => Promise<TickResult>>('tick', {
        taskQueue,
        // Ticks may overlap: what two of them start is joined by name.
        workflowId: `tick/${project}/${input.view}/${randomUUID()}`,
        args: [{ heartbeatMs, ...input }],
      })
      const noWorker = this.failWithoutWorker(client)
      try {
        return await Promise.race([handle.result(), noWorker.failed])
      } finally {
        noWorker.stop()
      }
    })
  }

  async decide(input: DecideInput): Promise<{ readonly workflowId: string }> {
    return this.ask(async (client) => {
      const workflowId = decideWorkflowId(input.decisionId)
      await client.workflow.start('decide', {
        taskQueue: this.options.taskQueue,
        workflowId,
        workflowIdConflictPolicy: 'USE_EXISTING',
        args: [{ heartbeatMs: this.options.heartbeatMs, ...input }],
      })
      return { workflowId }
    })
  }

  async syncSchedules(
    views: readonly FeatureViewDefinition[],
    { isPaused }: { readonly isPaused: boolean },
  ): Promise<ScheduleChanges> {
    const { project, taskQueue, runsPerTick, heartbeatMs } = this.options
    const settings = { project, taskQueue, runsMax: runsPerTick, heartbeatMs }
    return this.ask((client) => syncSchedules(client, settings, views, isPaused))
  }

  async isReachable(timeoutMs: number): Promise<boolean> {
    try {
      this.probe ??= temporalProbe(this.options)
      const { connection, workflowService } = await this.probe
      const { namespace } = this.options
      await connection.withDeadline(Date.now() + timeoutMs, () => workflowService.describeNamespace({ namespace }))
      return true
    } catch {
      // Whatever keeps it from answering, it does not answer: that is the question.
      return false
    }
  }

  async close(): Promise<void> {
    const clients = await Promise.all([this.client, this.probe])
    this.client = null
    this.probe = null
    for (const client of clients) await client?.connection.close()
  }

  /** A workflow that nobody works on would be waited for for ever, without a word. */
  private failWithoutWorker(client: Client): { readonly failed: Promise<never>; stop(): void } {
    const { namespace, taskQueue, workerPatienceMs = 5_000 } = this.options
    let timer: NodeJS.Timeout | undefined
    const failed = new Promise<never>((_, reject) => {
      timer = setInterval(async () => {
        try {
          const { pollers } = await client.workflowService.describeTaskQueue({
            namespace,
            taskQueue: { name: taskQueue },
            taskQueueType: workflowQueue,
          })
          if (pollers?.length) return
          reject(
            new MillcourseError('STACK_NOT_RUNNING', `no worker works on task queue "${taskQueue}"`, {
              hint: 'start one: `millcourse worker`, or the whole stack with `millcourse dev`',
              facts: { taskQueue, namespace },
            }),
          )
        } catch (error) {
          reject(error)
        }
      }, workerPatienceMs)
    })
    // Nobody listens any more once the result is there.
    failed.catch(() => {})
    return { failed, stop: () => clearInterval(timer) }
  }

  private async ask<T>(work: (client: Client) => Promise<T>): Promise<T> {
    try {
      return await work(await this.connected())
    } catch (error) {
      throw fromTemporalError(error, this.options)
    }
  }

  private connected(): Promise<Client> {
    this.client ??= temporalClient(this.options)
    return this.client
  }
}
