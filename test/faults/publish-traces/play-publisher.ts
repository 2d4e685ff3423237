/**
 * A trace with the real publisher: its activity code, DuckDB, lake, ledger and online store. The model supplies the source, the runs
 * and the truth; publishers are the real ones, stopped before each write. What must hold is looked at in the real store.
 */
import type { ActivityDeps } from '../../../activities/activity-deps.js'
import { type PublishAttempt, type PublishOutcome, publishOnline } from '../../../activities/publish-online.js'
import type { PublishCursor } from '../../../activities/publish-write.js'
import type { PostgresClient } from '../../../adapters/postgres/client.js'
import type { ViewBundle } from '../../../core/define/definitions.js'
import { isMillcourseError } from '../../../core/errors.js'
import type { LedgerWriter } from '../../../core/ports/ledger.js'
import type { OnlineStore } from '../../../core/ports/online-store.js'
import { onlineTableName } from '../../../core/publish/index.js'
import { formatEvent, type Trace } from '../../reference/publish-protocol/search.js'
import { missingAt, newestEnd, project } from '../../reference/publish-protocol/view.js'
import { type Event, World } from '../../reference/publish-protocol/world.js'
import { GatedWorker } from './gated-worker.js'
import { hourNs, intentOf, RealProtocol } from './real-protocol.js'
import { bundleOf, type TraceFiles, textOf } from './trace-views.js'

export interface PublisherParts {
  readonly deps: ActivityDeps
  readonly client: PostgresClient
  readonly files: TraceFiles
  /** What a publisher makes of the store's answers, as far as it is not its own. */
  readonly distrusting?: (online: OnlineStore) => OnlineStore
}

/** Null: every promise held. */
export async function playPublisher(trace: Trace, parts: PublisherParts, name: string): Promise<string | null> {
  const play = new PublisherTrace(trace, parts, name)
  return await play.run()
}

class PublisherTrace {
  private readonly world: World
  private readonly bundle: ViewBundle
  private readonly real: RealProtocol
  private readonly deps: ActivityDeps
  private readonly key: { readonly view: string; readonly version: number }
  /** The plain name. */
  private readonly table: string
  /** Batches of first loads whose answer nobody waits for, oldest first. */
  private readonly late: (() => Promise<unknown>)[] = []
  private readonly workers = new Map<string, GatedWorker>()
  private readonly cursors = new Map<string, PublishCursor | null>()
  /** What readers have to find beside the E of each sequence, as committed when it was drawn. */
  private readonly truths = new Map<bigint, ReadonlyMap<string, string>>()
  private readonly highest = new Map<string, bigint>()
  private readonly lines: string[] = []
  private broken: string | null = null
  private endSeen = 0n

  constructor(
    private readonly trace: Trace,
    private readonly parts: PublisherParts,
    name: string,
  ) {
    this.world = new World(trace.view, new Set(), trace.firstLoadsMax)
    this.bundle = bundleOf(name, trace.view)
    this.key = { view: name, version: 1 }
    this.table = onlineTableName(parts.deps.settings.project, name, 1)
    this.deps = {
      ...parts.deps,
      ledger: this.noteOpened(parts.deps.ledger),
      online: this.watchWrites(parts.deps.online),
    }
    this.real = new RealProtocol({ ...this.deps, client: parts.client }, this.key, trace.view, 0, (run) =>
      parts.files.fileOf(trace.view, run.interval, run.candidate!),
    )
  }

  async run(): Promise<string | null> {
    await this.deps.online.ensureTable(this.table)
    for (const event of this.trace.events) if (!(await this.play(event))) break
    if (this.broken === null) await this.drain()
    if (this.broken === null) this.broken = await this.checkQuiet()
    for (const worker of this.workers.values()) await worker.die()
    return this.broken && [`seed ${this.trace.seed}`, ...this.lines, `  => ${this.broken}`].join('\n')
  }

  /** False: a promise is broken. */
  private async play(event: Event): Promise<boolean> {
    const worker = 'owner' in event ? this.workers.get(event.owner) : undefined
    if (event.type === 'publisher') await this.start(event.workflow, event.attempt)
    else if (event.type === 'publish') await worker?.step()
    else if (event.type === 'crash') await worker?.die()
    else if (event.type === 'release') await worker?.fail()
    else if (event.type === 'answer-lost') await worker?.loseAnswer()
    else if (event.type === 'late-lands') await this.landLate()
    else if (event.type === 'delta-lost') await this.loseDelta()
    else if (event.type === 'cache-lost') await this.loseCache()
    else if (event.type === 'lease-expires')
      await this.real.follow(event, { run: undefined, publisher: undefined }, '', this.world)
    else if (event.type !== 'renew') await this.follow(event)
    this.note(event, worker)
    if (worker || event.type === 'late-lands') this.broken ??= await this.checkReaders()
    return this.broken === null
  }

  /** Runs and decisions: model and ledger side by side. */
  private async follow(event: Event): Promise<boolean> {
    const intent = intentOf(this.world, event)
    const outcome = this.world.apply(event)
    if (outcome === null) return false
    this.broken ??= await this.real.follow(event, intent, outcome, this.world)
    return true
  }

  private async start(workflow: string, attempt: number): Promise<GatedWorker> {
    const owner = `${workflow}/${attempt}`
    const known = this.workers.get(owner)
    if (known) return known
    const given: PublishAttempt = {
      workflowRunId: workflow,
      attempt,
      signal: new AbortController().signal,
      cursor: this.cursors.get(workflow) ?? null,
      heartbeat: (cursor) => this.cursors.set(workflow, cursor),
    }
    const { distrusting = (online: OnlineStore) => online } = this.parts
    const work = (deps: ActivityDeps) =>
      publishOnline({ ...deps, online: distrusting(deps.online) }, this.bundle, given)
    const worker = new GatedWorker(this.deps, work, this.late)
    this.workers.set(owner, worker)
    await worker.settled()
    return worker
  }

  /** As the model's drain: ticks and runs first, sleepers last, until nothing is left to do. */
  private async drain(): Promise<void> {
    for (let round = 1; round <= 10 && this.broken === null; round++) {
      let hasWorked = false
      for (const interval of this.world.intervalsToRun())
        await this.follow({ type: 'start', run: `d${round}-${interval}`, interval, kind: 'scheduled' })
      for (const { id } of this.world.runningRuns())
        while (this.broken === null && (await this.follow({ type: 'run', run: id }))) hasWorked = true
      await this.play({ type: 'lease-expires' })
      const tick = await this.start(`tick-${round}`, 1)
      while (this.broken === null && !tick.isEnded) await this.play({ type: 'publish', owner: `tick-${round}/1` })
      hasWorked ||= (tick.result as PublishOutcome).kind !== 'nothing'
      for (const [owner, worker] of this.workers)
        while (this.broken === null && !worker.isEnded) {
          hasWorked = true
          await this.play({ type: 'publish', owner })
        }
      while (this.broken === null && this.late.length > 0) await this.play({ type: 'late-lands' })
      if (!hasWorked) return
    }
    this.broken ??= 'R33: it never comes to rest'
  }

  // ── what must hold ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** After each step: beside E stand the values committed when its publish opened, wherever no later publish has written. */
  private async checkReaders(): Promise<string | null> {
    const end = await this.deps.online.getEnd(await this.readTable())
    const truth = end && this.truths.get(end.sequence)
    if (!end || !truth) return null
    if (end.endAt < this.endSeen) return `R29: E moved back to ${end.endAt / hourNs}`
    this.endSeen = end.endAt
    const items = await this.readItems()
    for (const key of new Set([...truth.keys(), ...items.keys()])) {
      const item = items.get(key)
      if ((item?.sequence ?? 0n) > end.sequence || (item?.values ?? null) === (truth.get(key) ?? null)) continue
      return `R29: beside E of publish ${end.sequence} stands ${key}=${item?.values ?? 'missing'} of ${item?.sequence}, not ${truth.get(key) ?? 'missing'}`
    }
    return null
  }

  private async checkQuiet(): Promise<string | null> {
    const { view } = this.trace
    const committed = this.world.ledger.committed()
    const endAt = newestEnd(view, committed)
    const end = await this.deps.online.getEnd(await this.readTable())
    if (Number((end?.endAt ?? 0n) / hourNs) !== endAt) return `R29: E=${(end?.endAt ?? 0n) / hourNs}, not ${endAt}`
    const missing = missingAt(view, committed, endAt).length
    if (end && end.missing.length !== missing)
      return `R32: ${end.missing.length} intervals are named missing, not ${missing}`
    const left = this.world.ledger.commits.filter(({ interval }) => interval >= endAt).length
    const unmarked = await this.deps.ledger.unmarkedCommits(this.key)
    if (unmarked !== left) return `R33: ${unmarked} commits are unpublished, not ${left}`
    const truth = project(view, committed, endAt)
    const items = await this.readItems()
    for (const key of new Set([...truth.keys(), ...items.keys()]))
      if ((items.get(key)?.values ?? null) !== (truth.get(key) ?? null))
        return `R22: online has ${key}=${items.get(key)?.values ?? 'missing'}, not ${truth.get(key) ?? 'missing'}`
    return null
  }

  private async readItems(): Promise<Map<string, { readonly sequence: bigint; readonly values: string | null }>> {
    const found = new Map<string, { readonly sequence: bigint; readonly values: string | null }>()
    for await (const page of this.parts.deps.online.scan(await this.readTable()))
      for (const item of page) {
        const [key, values] = textOf(this.bundle, item)
        found.set(key, { sequence: item.sequence, values })
      }
    return found
  }

  /** The table that counts. */
  private async readTable(): Promise<string> {
    return (await this.parts.deps.ledger.onlineTable(this.key)) ?? this.table
  }

  /** Its table may have been dropped meanwhile: then it lands nowhere. */
  private async landLate(): Promise<void> {
    await this.late
      .shift()?.()
      .catch((error: unknown) => {
        if (!isMillcourseError(error) || error.code !== 'PUBLISH_TABLE_MISSING') throw error
      })
  }

  private noteOpened(ledger: LedgerWriter): LedgerWriter {
    return {
      ...ledger,
      openPublish: async (request) => {
        const result = await ledger.openPublish({
          ...request,
          firstLoadsMax: Math.min(request.firstLoadsMax, this.trace.firstLoadsMax),
        })
        if (result.kind === 'opened') {
          const { sequence, endAt } = result.publish
          this.truths.set(sequence, project(this.trace.view, this.world.ledger.committed(), Number(endAt / hourNs)))
        }
        return result
      },
    }
  }

  private watchWrites(online: OnlineStore): OnlineStore {
    return new Proxy(online, {
      get: (target, name) => {
        const method: unknown = Reflect.get(target, name)
        if (name !== 'putItems' && name !== 'loadItems')
          return typeof method === 'function' ? method.bind(target) : method
        return async (...args: Parameters<OnlineStore['putItems']>) => {
          const outcomes = await target[name](...args)
          const [table, items] = args
          items.forEach((item, index) => {
            if (outcomes[index] === 'written')
              this.noteLanded(`${table} ${Buffer.from(item.key).toString('hex')}`, item.sequence)
          })
          return outcomes
        }
      },
    })
  }

  private noteLanded(key: string, sequence: bigint): void {
    const highest = this.highest.get(key) ?? 0n
    if (sequence < highest)
      this.broken ??= `R36: publish ${sequence} wrote a key that its successor ${highest} had written`
    else this.highest.set(key, sequence)
  }

  // ── what happens to files ─────────────────────────────────────────────────────────────────────────────────────────────

  private async loseDelta(): Promise<void> {
    const [row] = await this.parts.client.query((db) =>
      db
        .selectFrom('publishes')
        .select('delta')
        .where('view', '=', this.key.view)
        .where('state', '!=', 'finished')
        .where('delta', 'is not', null)
        .orderBy('sequence', 'desc')
        .limit(1)
        .execute(),
    )
    if (row?.delta) await this.deps.lake.remove(row.delta.path)
  }

  private async loseCache(): Promise<void> {
    const rows = await this.parts.client.query((db) =>
      db.selectFrom('published_files').select('path').where('view', '=', this.key.view).execute(),
    )
    for (const { path } of rows) await this.deps.lake.remove(path)
  }

  private note(event: Event, worker: GatedWorker | undefined): void {
    const result = worker?.isEnded ? ` → ${describe(worker.result)}` : ''
    this.lines.push(`${formatEvent(event)} ${event.type}${result}`)
  }
}

function describe(result: unknown): string {
  return result instanceof Error ? result.message : (result as PublishOutcome).kind
}
