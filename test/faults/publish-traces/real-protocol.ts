/** The protocol's events done with the real ledger and online store, each call's answer set beside the model's. */
import { sql } from 'kysely'
import type { PostgresClient } from '../../../adapters/postgres/client.js'
import type { LakePart } from '../../../core/compute/candidate.js'
import { isMillcourseError } from '../../../core/errors.js'
import type { LedgerWriter, OpenPublishResult, ViewKey } from '../../../core/ports/ledger.js'
import type { OnlineStore, PutOutcome } from '../../../core/ports/online-store.js'
import type { Interval } from '../../../core/time/interval.js'
import type { Item, Publish, Run } from '../../reference/publish-protocol/ledger.js'
import type { Publisher } from '../../reference/publish-protocol/publisher.js'
import type { View } from '../../reference/publish-protocol/view.js'
import type { Event, World } from '../../reference/publish-protocol/world.js'

export interface RealParts {
  readonly ledger: LedgerWriter
  readonly online: OnlineStore
  readonly client: PostgresClient
}

/** The committed file of a run: its rows, already judged to lie in the interval. Null: none. */
export type FileOf = (run: Run) => Promise<LakePart | null>

export const hourNs = 3_600_000_000_000n

/** What the model's worker was about to do, seen before it does it. */
export interface Intent {
  readonly run: Pick<Run, 'looked' | 'pinned' | 'candidate' | 'judged' | 'outcome'> | undefined
  readonly publisher: Pick<Publisher, 'phase' | 'publish' | 'delta' | 'cursor'> | undefined
}

export function intentOf(world: World, event: Event): Intent {
  const run = 'run' in event ? world.ledger.runs.get(event.run) : undefined
  const publisher = 'owner' in event ? world.publishers.get(event.owner) : undefined
  return {
    run: run && { ...run },
    publisher: publisher && {
      phase: publisher.phase,
      publish: publisher.publish,
      delta: publisher.delta,
      cursor: publisher.cursor,
    },
  }
}

export class RealProtocol {
  /** By the model's commit number. */
  private readonly commitIds = new Map<number, bigint>()
  /** By run: how often its interval had been re-opened when it listed its files. */
  private readonly reopensSeen = new Map<string, bigint>()
  /** The plain name. */
  readonly table: string
  /** Writes of first loads whose answer nobody waits for, oldest first. */
  private readonly late: (() => Promise<unknown>)[] = []

  constructor(
    private readonly parts: RealParts,
    private readonly key: ViewKey,
    private readonly view: View,
    private readonly firstLoadsMax: number,
    private readonly fileOf: FileOf = madeUpFile,
  ) {
    this.table = `protocol_${key.view}`
  }

  /** Does what the model has just done. Null: the answers agree. */
  async follow(event: Event, intent: Intent, outcome: string, world: World): Promise<string | null> {
    switch (event.type) {
      case 'start':
        await this.parts.ledger.startRun({
          ...this.key,
          runId: this.id(event.run),
          interval: intervalOf(event.interval),
          kind: 'scheduled',
          definitionHash: 'definition',
          workflowId: event.run,
          temporalRunId: event.run,
        })
        return null
      case 'run':
        return await this.stepRun(world, world.ledger.run(event.run), intent.run!)
      case 'list':
        return await this.list(world.ledger.run(event.run))
      case 'commit-again':
        return await this.commit(world, world.ledger.run(event.run), outcome)
      case 'decide':
        return await this.decide(world, world.ledger.run(event.run), event.action, outcome)
      case 'publish':
        return await this.stepPublisher(world.publishers.get(event.owner)!, intent.publisher!, outcome)
      case 'renew': {
        const result = await this.parts.ledger.renewLease(this.key, sequenceOf(intent), event.owner, 600_000)
        return differs(`renewLease`, result, resultOf(outcome))
      }
      case 'release':
        await this.parts.ledger.releaseLease(this.key, sequenceOf(intent), event.owner)
        return null
      case 'answer-lost': {
        const { publish, delta, cursor } = intent.publisher!
        const [table, item] = [this.tableOf(publish!), toOnlineItem(BigInt(publish!.sequence), delta[cursor]!)]
        this.late.push(() => this.parts.online.loadItems(table, [item]))
        await this.parts.ledger.releaseLease(this.key, sequenceOf(intent), event.owner)
        return null
      }
      case 'late-lands':
        await this.late.shift()!()
        return null
      case 'lease-expires':
        await expireLease(this.parts.client, this.key)
        return null
      default:
        return null
    }
  }

  /** Everything that is online and in the ledger, once nothing is left to do. */
  async compareEnd(world: World): Promise<string | null> {
    const { ledger, online } = this.parts
    const found: [string, string][] = []
    const table = (await ledger.onlineTable(this.key)) ?? this.table
    for await (const page of online.scan(table))
      for (const item of page)
        found.push([text(item.key), `${item.sequence} ${item.values ? text(item.values) : 'empty'}`])
    const expected = [...world.online.items].map(([key, item]) => [key, `${item.sequence} ${item.values ?? 'empty'}`])
    const end = await online.getEnd(table)
    const modelEnd = world.online.end
    const unmarked = world.ledger.commits.filter(({ markedBy }) => markedBy === null).length
    const last = await ledger.lastPublish(this.key)
    return (
      differs('items online', found.sort().join(), expected.sort().join()) ??
      differs(
        'E online',
        end && `${end.sequence} ${end.endAt / hourNs}`,
        modelEnd && `${modelEnd.sequence} ${modelEnd.endAt}`,
      ) ??
      differs('unmarked commits', await ledger.unmarkedCommits(this.key), unmarked) ??
      differs('last publish', last ? Number(last.sequence) : 0, world.ledger.lastFinished)
    )
  }

  private async list(run: Run): Promise<string | null> {
    const [state] = await this.parts.ledger.intervalStates(this.key, intervalOf(run.interval))
    this.reopensSeen.set(run.id, state!.reopens)
    return differs('reopens', Number(state!.reopens), run.looked!.reopens)
  }

  private async stepRun(world: World, run: Run, before: NonNullable<Intent['run']>): Promise<string | null> {
    const { ledger } = this.parts
    if (!before.pinned) {
      const difference = before.looked ? null : await this.list(run)
      if (difference !== null) return difference
      const inputs = { files: [], inputsHash: JSON.stringify(run.pinned) }
      const pins = await ledger.pinRun(this.id(run.id), inputs, this.reopensSeen.get(run.id)!)
      const supersedes = run.supersedes === null ? null : this.commitIds.get(run.supersedes)
      return differs('number', pins.number, run.number) ?? differs('supersedes', pins.supersedes, supersedes)
    }
    if (!before.candidate) {
      const counts = { read: 0, kept: 0, rejected: { null_key: 0, null_event_time: 0 }, outside: 0, replaced: 0 }
      const data = await this.fileOf(run)
      const candidate = { runId: this.id(run.id), data, quarantine: null, counts, reopens: [] }
      await ledger.recordProgress(this.id(run.id), { candidate })
      return null
    }
    if (!before.judged) {
      const decision = run.outcome === 'held' ? 'hold' : 'publish'
      await ledger.recordProgress(this.id(run.id), { verdict: { decision, findings: [] } })
      if (run.outcome === 'held') await this.end(run, 'held')
      return null
    }
    return await this.commit(world, run, run.outcome === 'moved' || run.outcome === 'superseded' ? run.outcome : null)
  }

  /** @param expected null: committed now or before. */
  private async commit(world: World, run: Run, expected: string | null): Promise<string | null> {
    const supersedes = run.supersedes === null ? null : this.commitIds.get(run.supersedes)!
    const result = await this.parts.ledger.commitRun({
      runId: this.id(run.id),
      data: await this.fileOf(run),
      supersedes,
    })
    const isCommitted = result.kind === 'committed' || result.kind === 'already-committed'
    if (isCommitted) this.noteCommit(world, run, result.commitId)
    await this.end(run, isCommitted ? 'committed' : result.kind === 'superseded' ? 'superseded' : 'failed')
    return differs('commitRun', isCommitted && expected === null ? null : result.kind, expected)
  }

  private async decide(
    world: World,
    run: Run,
    action: 'accept' | 'reject' | 'rerun',
    outcome: string,
  ): Promise<string | null> {
    const { ledger } = this.parts
    const request = {
      ...this.key,
      action,
      interval: intervalOf(run.interval),
      runId: this.id(run.id),
      reason: 'trace',
      by: 'trace',
    }
    let kind: string
    try {
      const { decisionId } = await ledger.recordDecision(request)
      const result = await ledger.applyDecision(decisionId, action === 'accept' ? await this.fileOf(run) : null)
      if (result.kind === 'committed') this.noteCommit(world, run, result.commitId)
      kind = result.kind
    } catch (error) {
      if (!isMillcourseError(error) || error.code !== 'RUN_SUPERSEDED') throw error
      kind = 'superseded'
    }
    return differs('decision', `${action}: ${kind}`, outcome)
  }

  private async stepPublisher(
    publisher: Publisher,
    before: NonNullable<Intent['publisher']>,
    outcome: string,
  ): Promise<string | null> {
    const { ledger, online } = this.parts
    const { owner } = publisher
    if (before.phase === 'open') return await this.open(publisher, outcome)
    const sequence = BigInt(before.publish!.sequence)
    const table = this.tableOf(before.publish!)
    if (before.phase === 'record') {
      const result = await ledger.recordDelta(this.key, sequence, owner, deltaFile(before.publish!, before.delta))
      return differs('recordDelta', result, resultOf(outcome))
    }
    if (before.phase === 'write') {
      const item = toOnlineItem(sequence, before.delta[before.cursor]!)
      const { isFirstLoad } = before.publish!
      const write = isFirstLoad ? online.loadItems(table, [item]) : online.putItems(table, [item])
      const [result] = (await write) as PutOutcome[]
      return differs(`putItem ${text(item.key)}`, result, resultOf(outcome))
    }
    if (before.phase === 'end') {
      const { endAt, missing } = before.publish!
      const result = await online.putEnd(table, {
        sequence,
        endAt: BigInt(endAt) * hourNs,
        missing: missing.map((at) => ({ start: `${at}`, end: `${at + 1}` })),
      })
      return differs('putEnd', result, resultOf(outcome))
    }
    const result = await ledger.finishPublish(this.key, sequence, owner, {
      keyCounts: { touched: 0, published: 0, unchanged: 0, superseded: 0, takenBack: 0, rewritten: 0 },
      itemsWritten: before.delta.length,
      tableIdentity: 'table',
      newBase: null,
    })
    return differs('finishPublish', result, resultOf(outcome))
  }

  private async open(publisher: Publisher, outcome: string): Promise<string | null> {
    await this.parts.online.ensureTable(this.table)
    const { workflow, owner } = publisher
    const result = await this.parts.ledger.openPublish({
      ...this.key,
      owner,
      workflowRunId: workflow,
      table: this.table,
      firstLoadsMax: this.firstLoadsMax,
      leaseMs: 600_000,
      window:
        this.view.kind === 'window' ? { reachNs: BigInt(this.view.reach) * hourNs, onGap: this.view.onGap } : null,
      since: 0n,
      everyNs: hourNs,
    })
    const kind = outcome.split(/[ :]+/)[1] === 'sequence' ? 'opened' : outcome.split(/[ :]+/)[1]!
    const isOpen = kind === 'opened' || kind === 'resumed'
    if (result.kind !== kind || !isOpen || !publisher.publish) return differs('openPublish', result.kind, kind)
    if (result.kind === 'opened' && result.publish.isFirstLoad)
      await this.parts.online.createTable(result.publish.table)
    return this.compareOpened(result, publisher.publish)
  }

  private compareOpened(result: OpenPublishResult, expected: Publish): string | null {
    if (result.kind !== 'opened' && result.kind !== 'resumed') return `openPublish: ${result.kind}`
    const { publish } = result
    const ids = (commits: readonly { readonly commitId: bigint }[]) =>
      [...new Set(commits.map((one) => one.commitId))].sort()
    const modelIds = (commits: Publish['covered']) =>
      [...new Set(commits.map(({ id }) => this.commitIds.get(id)))].sort()
    const endAt = BigInt(expected.endAt) * hourNs
    // A window's publish is given what its windows reach.
    const from = this.view.kind === 'window' ? expected.endAt - this.view.reach : 0
    const reached = expected.current.filter(
      ({ interval }) => this.view.kind === 'lookup' || (interval >= from && interval < expected.endAt),
    )
    const unfinished = expected.unfinished.map((delta) => JSON.stringify(delta))
    return (
      differs('sequence', publish.sequence, BigInt(expected.sequence)) ??
      differs('table', publish.table, this.tableOf(expected)) ??
      differs('first load', publish.isFirstLoad, expected.isFirstLoad) ??
      differs('E', publish.endAt, endAt) ??
      differs('covered', ids(publish.covered).join(), modelIds(expected.covered).join()) ??
      differs(
        'covered and replaced',
        ids([...publish.covered, ...publish.replaced]).join(),
        modelIds([...expected.covered, ...expected.replaced]).join(),
      ) ??
      differs('current', ids(publish.current).join(), modelIds(reached).join()) ??
      differs('missing', publish.missing.map(({ start }) => start / hourNs).join(), expected.missing.join()) ??
      differs('unfinished', publish.unfinished.map(({ digest }) => digest).join(), unfinished.join()) ??
      differs(
        'recorded',
        publish.recorded?.digest ?? null,
        result.kind === 'resumed' ? JSON.stringify(expected.delta) : null,
      )
    )
  }

  private tableOf({ table }: Publish): string {
    return table === 0 ? this.table : `${this.table}.s${table}`
  }

  private noteCommit(world: World, run: Run, commitId: bigint): void {
    const commit = world.ledger.commits.find((one) => one.run === run.id)
    if (commit) this.commitIds.set(commit.id, commitId)
  }

  private async end(run: Run, outcome: 'committed' | 'held' | 'superseded' | 'failed'): Promise<void> {
    await this.parts.ledger.endRun(this.id(run.id), { outcome, error: null, keyCounts: null, measures: null })
  }

  private id(run: string): string {
    return `${this.key.view}/${run}`
  }
}

/** For the ledger alone, which never opens it. */
async function madeUpFile(run: Run): Promise<LakePart | null> {
  const rows = run.candidate!.length
  return rows === 0 ? null : { path: `rows/${run.id}`, rows, sizeBytes: rows * 100 }
}

/** Postgres's clock is not the test's to move: the heartbeat is set back. */
export async function expireLease(client: PostgresClient, key: ViewKey): Promise<void> {
  await client.query((db) =>
    db
      .updateTable('view_versions')
      .set({ lease_renewed_at: sql`clock_timestamp() - interval '1 day'` })
      .where('view', '=', key.view)
      .where('version', '=', key.version)
      .execute(),
  )
}

export function intervalOf(interval: number): Interval {
  return { start: BigInt(interval) * hourNs, end: BigInt(interval + 1) * hourNs }
}

function deltaFile(publish: Publish, delta: readonly Item[]) {
  return { path: `delta/${publish.sequence}`, digest: JSON.stringify(delta), keys: delta.length }
}

function toOnlineItem(sequence: bigint, item: Item) {
  const values = item.values === null ? null : Buffer.from(item.values)
  const key = Buffer.from(item.key)
  return { key, sequence, eventAt: null, values, schemaHash: 'schema', expiresAtSeconds: null }
}

function sequenceOf(intent: Intent): bigint {
  return BigInt(intent.publisher!.publish!.sequence)
}

function resultOf(outcome: string): string {
  return outcome.slice(outcome.lastIndexOf(': ') + 2)
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString()
}

function differs(what: string, found: unknown, expected: unknown): string | null {
  return found === expected ? null : `${what}: real ${String(found)}, model ${String(expected)}`
}
