import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import {
  type Client,
  type Connection,
  QueryNotRegisteredError,
  type ScheduleSummary,
  WorkflowNotFoundError,
} from '@temporalio/client'
import type { FeatureViewDefinition } from '../../core/define/definitions.js'
import { MillcourseError } from '../../core/errors.js'
import {
  type BackfillCounts,
  type BackfillInput,
  backfillMessages,
  backfillWorkflowId,
  type CheckQualityInput,
  type CheckQualityResult,
  type CompactInput,
  type CompactResult,
  compactWorkflowId,
  type DecideInput,
  decideWorkflowId,
  type NamedView,
  type PlanBackfillInput,
  qualityWorkflowId,
  type RunControl,
  runPriority,
  type ScheduleChanges,
  type StartBackfillInput,
  type StartBackfillResult,
  type SyncOptions,
  type TickInput,
  type TickResult,
  type WorkerSeen,
  type WorkSeen,
} from '../../core/ports/run-control.js'
import type { ScheduleSeen } from '../../core/watch/index.js'
import { type TemporalTarget, temporalClient, temporalProbe } from './client.js'
import { type CompactionSettings, compactionScheduleId, compactionSchedules } from './compaction-schedules.js'
import { fromTemporalError } from './errors.js'
import { type QualitySettings, qualityScheduleId, qualitySchedules } from './quality-schedule.js'
import { type Change, listSchedules, syncAll } from './schedule-sync.js'
import { readSchedule, scheduleOptions, schedulePrefix } from './schedules.js'
import { ensureSearchAttributes } from './search-attributes.js'
import { workSeen } from './work-seen.js'

export interface TemporalRunControlOptions extends TemporalTarget {
  readonly project: string
  readonly taskQueue: string
  /** Of scheduled ticks: at most so many runs each. */
  readonly runsPerTick: number
  readonly heartbeatMs: number
  /** How often views are compacted; absent: that is left as it is. */
  readonly compaction?: CompactionSettings
  /** How often views are checked; absent: that is left as it is. */
  readonly quality?: QualitySettings
  /** After so long without an answer it is asked whether anybody works on the task queue at all. */
  readonly workerPatienceMs?: number
}

/** TASK_QUEUE_TYPE_WORKFLOW of Temporal's API. */
const workflowQueue = 1

export class TemporalRunControl implements RunControl {
  private client: Promise<Client> | null = null
  private probe: Promise<Client> | null = null
  private expected: { readonly listed: Promise<ScheduleSummary[]>; readonly stop: AbortController } | null = null

  constructor(private readonly options: TemporalRunControlOptions) {}

  /** Ticks may overlap: what two of them start is joined by name. */
  async tick(input: TickInput): Promise<TickResult> {
    const name = `tick/${this.options.project}/${input.view}/${randomUUID()}`
    return this.run<TickInput, TickResult>('tick', name, input)
  }

  async checkQuality(input: CheckQualityInput): Promise<CheckQualityResult> {
    const name = `${qualityWorkflowId(this.options.project)}/${randomUUID()}`
    return this.run<CheckQualityInput, CheckQualityResult>('checkQuality', name, input)
  }

  async planBackfill(input: PlanBackfillInput): Promise<{ readonly planId: string }> {
    const name = `backfill-plan/${this.options.project}/${input.view}/${randomUUID()}`
    return this.run<PlanBackfillInput, { readonly planId: string }>('planBackfill', name, input)
  }

  async startBackfill(input: StartBackfillInput): Promise<StartBackfillResult> {
    const name = `backfill-start/${this.options.project}/${input.planId}/${randomUUID()}`
    return this.run<StartBackfillInput, StartBackfillResult>('startBackfill', name, input)
  }

  /** One that is over, or was lost, is started with the signal: it asks the ledger first, where it may be over, too. */
  async wakeBackfill(input: BackfillInput): Promise<void> {
    await this.ask(async (client) => {
      const { taskQueue, heartbeatMs } = this.options
      const priorityKey = runPriority.backfill
      await client.workflow.signalWithStart('backfill', {
        taskQueue,
        workflowId: backfillWorkflowId(input),
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        args: [{ heartbeatMs, ...input }],
        signal: backfillMessages.wake,
        signalArgs: [],
        ...(priorityKey ? { priority: { priorityKey } } : {}),
      })
    })
  }

  async backfillCounts(named: NamedView & { readonly backfillId: string }): Promise<BackfillCounts | null> {
    return this.ask(async (client) => {
      try {
        return await client.workflow.getHandle(backfillWorkflowId(named)).query<BackfillCounts>(backfillMessages.counts)
      } catch (error) {
        if (error instanceof WorkflowNotFoundError || error instanceof QueryNotRegisteredError) return null
        throw error
      }
    })
  }

  /** Starts a workflow and waits for its end. */
  private async run<Input extends object, Result>(type: string, workflowId: string, input: Input): Promise<Result> {
    return this.ask(async (client) => {
      const { taskQueue, heartbeatMs } = this.options
      const args: [Input] = [{ heartbeatMs, ...input }]
      const handle = await client.workflow.start<(input: Input) => Promise<Result>>(type, {
        taskQueue,
        workflowId,
        args,
      })
      return await this.resultOf(client, handle)
    })
  }

  /** @throws MillcourseError where no worker takes it up */
  private async resultOf<Result>(client: Client, handle: { result(): Promise<Result> }): Promise<Result> {
    const noWorker = this.failWithoutWorker(client)
    const waiting = new AbortController()
    // The SDK asks every 20 seconds, and each time listens to the signal once more: after some minutes Node would warn of a leak.
    setMaxListeners(0, waiting.signal)
    try {
      const result = client.withAbortSignal(waiting.signal, () => handle.result())
      return await Promise.race([result, noWorker.failed])
    } finally {
      noWorker.stop()
      // A wait left open would be retried by the SDK after the connection has been closed, which ends the process.
      waiting.abort()
    }
  }

  /** One that was started by hand is joined. Beside a Schedule's, which has a name of its own, it does no harm: each span is recorded by one. */
  async compact(input: CompactInput): Promise<CompactResult> {
    return this.ask(async (client) => {
      const { project, taskQueue, heartbeatMs } = this.options
      const handle = await client.workflow.start<(input: CompactInput) => Promise<CompactResult>>('compact', {
        taskQueue,
        workflowId: compactWorkflowId({ project, view: input.view }),
        workflowIdConflictPolicy: 'USE_EXISTING',
        args: [{ heartbeatMs, ...input }],
      })
      return await this.resultOf(client, handle)
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
    { isPaused, retired = [], marks }: SyncOptions,
  ): Promise<ScheduleChanges> {
    const { project, taskQueue, runsPerTick, heartbeatMs, compaction, quality, address, namespace } = this.options
    return this.ask(async (client) => {
      const notSearchable = await ensureSearchAttributes(client.connection as Connection, namespace)
      const expected = this.expected
      this.expected = null
      const settings = { project, taskQueue, runsMax: runsPerTick, heartbeatMs, isSearchable: notSearchable === null }
      const kept = [...views.map(({ name }) => name), ...retired]
      const checks = quality ? qualitySchedules(settings, quality, views.length > 0) : []
      const found = await syncAll(client, {
        wanted: [
          ...views.map((view) => scheduleOptions(settings, view)),
          ...(compaction ? compactionSchedules(settings, compaction, kept) : []),
          ...checks,
        ],
        prefixes: [schedulePrefix(project), ...(compaction ? [compactionScheduleId(project, '')] : [])],
        ...(quality ? { ids: [qualityScheduleId(project)] } : {}),
        isPaused,
        server: `${address}/${namespace}`,
        ...(expected ? { listed: await expected.listed } : {}),
        ...(marks ? { marks } : {}),
      })
      const named = (change: Change) =>
        [...found].flatMap(([id, one]) =>
          one === change && id.startsWith(schedulePrefix(project)) ? [id.slice(schedulePrefix(project).length)] : [],
        )
      return {
        ...{ created: named('created'), updated: named('updated'), deleted: named('deleted') },
        ...{ unchanged: named('unchanged'), notSearchable },
        ...(quality ? { checks: found.get(qualityScheduleId(project)) ?? 'none' } : {}),
      }
    })
  }

  async isReachable(timeoutMs: number): Promise<boolean> {
    try {
      const { connection, workflowService } = await this.probed()
      const { namespace } = this.options
      await connection.withDeadline(Date.now() + timeoutMs, () => workflowService.describeNamespace({ namespace }))
      return true
    } catch {
      // Whatever keeps it from answering, it does not answer: that is the question.
      return false
    }
  }

  async schedule(view: string): Promise<ScheduleSeen> {
    return this.ask((client) => readSchedule(client, this.options.project, view))
  }

  async workOf(run: { readonly workflowId: string; readonly temporalRunId: string }): Promise<WorkSeen> {
    return this.ask(async (client) => {
      try {
        return workSeen(await client.workflow.getHandle(run.workflowId, run.temporalRunId).describe())
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return { kind: 'over' }
        throw error
      }
    })
  }

  async serverVersion(): Promise<string | null> {
    return this.ask(async ({ workflowService }) => (await workflowService.getSystemInfo({})).serverVersion || null)
  }

  async workers(): Promise<readonly WorkerSeen[]> {
    return this.ask(async (client) => {
      const seen = (await this.pollers(client)).map(({ identity, lastAccessTime }) => ({
        identity: identity || 'unknown',
        silentMs: Math.max(0, Date.now() - Number(lastAccessTime?.seconds ?? 0) * 1_000),
      }))
      return seen.sort((a, b) => a.silentMs - b.silentMs)
    })
  }

  expectSync(): void {
    const stop = new AbortController()
    const listed = this.ask((client) => client.withAbortSignal(stop.signal, () => listSchedules(client)))
    // Told by the sync, if it comes to that.
    listed.catch(() => {})
    this.expected = { listed, stop }
  }

  async close(): Promise<void> {
    // Left open it would be retried by the SDK after the connection has been closed, which ends the process.
    this.expected?.stop.abort()
    await this.expected?.listed.catch(() => {})
    // What kept it from being opened was told by what asked for it.
    const clients = await Promise.all([this.client, this.probe].map((one) => one?.catch(() => null)))
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
          if ((await this.pollers(client)).length > 0) return
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

  private async pollers(client: Client) {
    const { namespace, taskQueue } = this.options
    const request = { namespace, taskQueue: { name: taskQueue }, taskQueueType: workflowQueue }
    return (await client.workflowService.describeTaskQueue(request)).pollers ?? []
  }

  private async ask<T>(work: (client: Client) => Promise<T>): Promise<T> {
    try {
      return await work(await this.connected())
    } catch (error) {
      throw fromTemporalError(error, this.options)
    }
  }

  /** What could not be made, for a file of the settings that is not there yet, is made anew when it is asked for again. */
  private connected(): Promise<Client> {
    this.client ??= temporalClient(this.options).catch((error: unknown) => {
      this.client = null
      throw error
    })
    return this.client
  }

  /** As `connected`. */
  private probed(): Promise<Client> {
    this.probe ??= temporalProbe(this.options).catch((error: unknown) => {
      this.probe = null
      throw error
    })
    return this.probe
  }
}
