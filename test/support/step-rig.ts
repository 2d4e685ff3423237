/** The steps of a run, called one by one over real Postgres, DuckDB and folders; files and time are in the test's hand. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { asyncLocalStorage, Context, type Info } from '@temporalio/activity'
import { noopMetricMeter } from '@temporalio/common'
import { DefaultLogger } from '@temporalio/worker'
import type { ActivityDeps } from '../../activities/activity-deps.js'
import { computeInterval } from '../../activities/compute-interval.js'
import { judgeInterval } from '../../activities/judge-interval.js'
import { planRun } from '../../activities/plan-run.js'
import { planTick } from '../../activities/plan-tick.js'
import { publishInterval } from '../../activities/publish-interval.js'
import { readSource } from '../../activities/read-source.js'
import { recordFailure, recordRun } from '../../activities/record-run.js'
import type { PlanStepResult, PlanTickResult, RecordStepInput, RunRef } from '../../activities/steps.js'
import { SystemClock } from '../../adapters/clock/system-clock.js'
import { createDuckdbEngine } from '../../adapters/duckdb/duckdb-query-engine.js'
import { toJson } from '../../adapters/postgres/client.js'
import type { FeatureRepo } from '../../core/define/index.js'
import { isMillcourseError } from '../../core/errors.js'
import type { OnlineStore } from '../../core/ports/online-store.js'
import type { RunInput, TickInput } from '../../core/ports/run-control.js'
import { formatInstant, parseInstant } from '../../core/time/instant.js'
import type { S3Config } from '../../workers/config.js'
import { openStackLakes } from '../../workers/stack-lakes.js'
import { startTestPostgres } from './postgres.js'

/** As a worker calls the steps: `id` is the workflow's run id. */
export interface Call {
  readonly id?: string
  readonly attempt?: number
  readonly signal?: AbortSignal
}

export interface StepRig {
  readonly deps: ActivityDeps
  /** What a process needs to work on the same ledger, lake and sources. */
  readonly environment: Readonly<Record<string, string>>
  /** Writes a Parquet file of a SELECT below the sources' root. */
  writeFile(path: string, select: string): Promise<void>
  writeBytes(path: string, bytes: string | Uint8Array): Promise<void>
  /** Has the ledger say that a file of the lake was committed as it is now: whatever is wrong of it, a run or a compaction wrote it so. */
  commitAsIs(path: string, what?: AsIs): Promise<void>
  rowsOf(path: string): Promise<readonly Readonly<Record<string, unknown>>[]>
  tick(view: string, now: string, options?: Partial<TickInput>): Promise<PlanTickResult>
  plan(input: RunInput, call?: Call, deps?: ActivityDeps): Promise<PlanStepResult>
  step<Args extends unknown[], Result>(
    make: (deps: ActivityDeps) => (...args: Args) => Promise<Result>,
    args: Args,
    call?: Call,
    deps?: ActivityDeps,
  ): Promise<Result>
  /** The whole road, offline; a failure is recorded and its code is the outcome. */
  run(input: RunInput, call?: Call): Promise<{ readonly outcome: string; readonly runId: string }>
  /** Ticks and runs what is due until nothing is; returns what ran, in order, as `HH:mm outcome`. */
  settle(view: string, now: string): Promise<string[]>
  stop(): Promise<void>
}

/** What the ledger is to say of a file: what it is now; all but its digest, as if it was edited below its store; no digest, as a release before; a size of 1 GiB. */
type AsIs = 'all' | 'but its digest' | 'as before digests' | 'as large'

let calls = 0

/** Elsewhere than in folders of the rig's own. */
export interface GivenRoots {
  readonly lake: string
  readonly sources: string
  readonly s3: S3Config
}

const noS3: S3Config = { endpoint: null, isPathStyle: false, region: 'us-east-1', roleArn: null, caFile: null }

/** @param online absent: the views of the test are offline */
export async function startStepRig(
  repo: FeatureRepo,
  given: GivenRoots | null = null,
  online: OnlineStore = null as unknown as OnlineStore,
): Promise<StepRig> {
  const root = await mkdtemp(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'step-rig-'))
  const postgres = await startTestPostgres()
  const { ledger, registry, project, client } = await postgres.newProject()
  await registry.apply({ ...repo, project }, { by: 'test' })
  const lakes = openStackLakes(given?.s3 ?? noS3)
  const spillDir = join(root, 'spill')
  const engine = await createDuckdbEngine({ memoryLimitMb: 512, spillDir, threads: 2, s3: lakes.s3Access })
  const lake = await lakes.lakeAt(given?.lake ?? join(root, 'lake'))
  const sources = await lakes.sourcesAt(given?.sources ?? join(root, 'sources'))
  const deps: ActivityDeps = {
    ...{ ledger, registry, lake, sources, engine, clock: new SystemClock() },
    online,
    log: { info: () => {}, warn: () => {}, error: () => {} },
    settings: { project, leaseMs: 60_000, publishWaitMs: 1_000, publishPartItems: 10 },
  }

  const step: StepRig['step'] = (make, args, call = {}, changed = deps) =>
    asyncLocalStorage.run(newContext(call), () => make(changed)(...args))

  const road = async (input: RunInput, call: Call): Promise<RecordStepInput['outcome'] | 'moved'> => {
    const plan = await step(planRun, [input], call)
    const end = async (run: RunRef, outcome: RecordStepInput['outcome'], more: Partial<RecordStepInput> = {}) => {
      await step(recordRun, [run, { outcome, keyCounts: null, itemsWritten: 0, ...more }], call)
      return outcome
    }
    if (plan.kind === 'unchanged') return await end(plan.run, 'skipped')
    if (plan.kind === 'not-ready') {
      const { waitedFor } = plan
      return await end(plan.run, 'not-ready', waitedFor ? { waitedFor } : {})
    }
    await step(readSource, [plan.run], call)
    await step(computeInterval, [plan.run], call)
    const judged = await step(judgeInterval, [plan.run], call)
    if (judged.decision === 'hold') return await end(plan.run, 'held')
    const published = await step(publishInterval, [{ ...plan.run, supersedes: plan.supersedes }], call)
    return await end(plan.run, published.kind === 'committed' || published.kind === 'published' ? 'done' : 'superseded')
  }
  const run: StepRig['run'] = async (input, given = {}) => {
    const call = { id: `run-${++calls}`, ...given }
    const runId = input.replans ? `${call.id}.${input.replans + 1}` : call.id
    try {
      return { outcome: await road(input, call), runId }
    } catch (error) {
      if (!isMillcourseError(error)) throw error
      const { code, message, detail } = error
      const failure = { code, message, hint: detail.hint ?? null, facts: detail.facts ?? {}, step: 'any', attempts: 1 }
      await step(recordFailure, [{ input, error: failure, isReplanned: false }], call)
      return { outcome: code, runId }
    }
  }
  const tick: StepRig['tick'] = (view, now, options = {}) =>
    step(planTick, [{ view, now, kind: 'scheduled', range: null, runsMax: 100, ...options }])

  return {
    deps,
    environment: {
      MILLCOURSE_PROJECT: project,
      MILLCOURSE_POSTGRES_URL: postgres.url,
      MILLCOURSE_LAKE: given?.lake ?? join(root, 'lake'),
      MILLCOURSE_SOURCES: given?.sources ?? join(root, 'sources'),
      MILLCOURSE_SPILL_DIR: join(root, 'process-spill'),
    },
    step,
    run,
    tick,
    plan: (input, call, changed) => step(planRun, [input], call, changed),
    writeFile: async (path, select) => {
      await sources.prepareWrite(path)
      const target = sources.uri(path).replaceAll("'", "''")
      await engine.withSession((session) =>
        session.execute({ sql: `COPY (${select}) TO '${target}' (FORMAT parquet)` }),
      )
    },
    writeBytes: async (path, bytes) => {
      await sources.prepareWrite(path)
      await writeFile(sources.uri(path), bytes)
    },
    commitAsIs: async (path, what = 'all') => {
      const { sha256, etag, sizeBytes } = (await lake.digest(path))!
      await client.query(async (db) => {
        const digest = { all: sha256, 'but its digest': undefined, 'as before digests': null, 'as large': sha256 }[what]
        const size = what === 'as large' ? 2 ** 30 : sizeBytes
        const committed = { etag, size_bytes: BigInt(size), ...(digest === undefined ? {} : { sha256: digest }) }
        await db.updateTable('commits').set(committed).where('path', '=', path).execute()
        for (const { compaction_id: id, files } of await db.selectFrom('compactions').selectAll().execute()) {
          const now = (files ?? []).map((file) => {
            if (file.path !== path) return file
            const { sha256: before, ...others } = file
            const given = digest === undefined ? before : digest
            return { ...others, etag, sizeBytes, ...(given ? { sha256: given } : {}) }
          })
          await db
            .updateTable('compactions')
            .set({ files: toJson(now) })
            .where('compaction_id', '=', id)
            .execute()
        }
      })
    },
    rowsOf: (path) =>
      engine.withSession((session) =>
        session.all({ sql: 'SELECT * FROM read_parquet($1, hive_partitioning = false)', parameters: [lake.uri(path)] }),
      ),
    settle: async (view, now) => {
      const ran: string[] = []
      for (let round = 0; round < 10; round++) {
        const { due, version } = await tick(view, now)
        if (due.length === 0) return ran
        for (const interval of due) {
          const { outcome } = await run({ view, version, interval, kind: 'scheduled', now })
          ran.push(`${formatInstant(parseInstant(interval.start)).slice(11, 16)} ${outcome}`)
        }
      }
      return [...ran, 'never settled']
    },
    stop: async () => {
      await engine.close()
      await lakes.close()
      await postgres.stop()
      await rm(root, { recursive: true, force: true })
    },
  }
}

function newContext({ id = `call-${++calls}`, attempt = 1, signal = new AbortController().signal }: Call): Context {
  const info = { attempt, workflowExecution: { workflowId: `workflow-${id}`, runId: id } } as unknown as Info
  const never = new Promise<never>(() => {})
  return new Context(info, never, signal, () => {}, undefined, new DefaultLogger('ERROR'), noopMetricMeter, {})
}
