/**
 * Everything that can happen, in any order: the source changes, runs step, publishers step, workers die or sleep, leases
 * expire, operators decide. An event that does not apply any more is left out, so that a trace may be shortened freely.
 */
import type { Guard } from './guards.js'
import { type Item, ModelLedger, type Run } from './ledger.js'
import { ModelOnlineStore, type ModelTable } from './online-store.js'
import { type Cursor, Publisher } from './publisher.js'
import { intervalCount, isInside, type Row, type View } from './view.js'

export type Event =
  /** The interval's files from now on: a late file, a correction, a retraction. */
  | { readonly type: 'files'; readonly interval: number; readonly rows: readonly Row[] }
  | { readonly type: 'start'; readonly run: string; readonly interval: number; readonly kind: Run['kind'] }
  /** The run lists its files and pauses: much may happen before it pins them. */
  | { readonly type: 'list'; readonly run: string }
  /** The run's next step: list and pin, compute, judge, commit. */
  | { readonly type: 'run'; readonly run: string }
  /** A stopped worker goes on and commits a run once more. */
  | { readonly type: 'commit-again'; readonly run: string }
  | { readonly type: 'decide'; readonly run: string; readonly action: 'accept' | 'reject' | 'rerun' }
  /** A first or a further attempt of a publishing workflow; earlier attempts may still be alive. */
  | { readonly type: 'publisher'; readonly workflow: string; readonly attempt: number }
  | { readonly type: 'publish'; readonly owner: string }
  | { readonly type: 'renew' | 'release' | 'crash'; readonly owner: string }
  /** Of a first load: a write goes out and nobody hears of it; what was so sent lands, the oldest first, at any later time. */
  | { readonly type: 'answer-lost'; readonly owner: string }
  | { readonly type: 'late-lands' }
  | { readonly type: 'lease-expires' | 'cache-lost' | 'months-pass' | 'backfill-begins' | 'backfill-ends' }
  | { readonly type: 'delta-lost'; readonly sequence: number }

export class World {
  readonly ledger: ModelLedger
  readonly store: ModelOnlineStore
  /** Writes under way whose answer nobody waits for. */
  readonly late: { readonly table: ModelTable; readonly sequence: number; readonly item: Item }[] = []
  readonly source = new Map<number, readonly Row[]>()
  readonly publishers = new Map<string, Publisher>()
  /** By workflow; Temporal's heartbeat details. */
  readonly heartbeats = new Map<string, Cursor>()
  /** When an operator asked for an interval to run again, and when runs that pinned had listed their files: event numbers. */
  readonly rerunAsked = new Map<number, number>()
  readonly listedAt = new Map<number, number>()
  private readonly lookedAt = new Map<string, number>()
  private eventNumber = 0

  constructor(
    readonly view: View,
    readonly without: ReadonlySet<Guard> = new Set(),
    firstLoadsMax = 0,
  ) {
    this.ledger = new ModelLedger(view, without, firstLoadsMax)
    this.store = new ModelOnlineStore(without)
    for (let interval = 0; interval < intervalCount; interval++) this.source.set(interval, [])
  }

  /** What readers read. */
  get online(): ModelTable {
    return this.store.table(this.ledger.onlineTable)
  }

  /** Does it and says what came of it; null: it does not apply. */
  apply(event: Event): string | null {
    this.eventNumber++
    switch (event.type) {
      case 'files':
        this.source.set(event.interval, event.rows)
        return event.rows.map((row) => `${row.key}=${row.value}@${row.at}`).join(', ') || 'none'
      case 'start':
        if (this.ledger.runs.has(event.run)) return null
        this.ledger.startRun(event.run, event.interval, event.kind)
        return `interval ${event.interval}, ${event.kind}`
      case 'run':
        return this.stepRun(this.ledger.runs.get(event.run))
      case 'list':
        return this.list(this.ledger.runs.get(event.run))
      case 'commit-again': {
        const run = this.ledger.runs.get(event.run)
        const isCommitting = run?.judged && ['committed', 'superseded', 'moved'].includes(run.outcome)
        return isCommitting ? this.ledger.commitRun(event.run) : null
      }
      case 'decide':
        return this.decide(event.run, event.action)
      case 'publisher':
        return this.startPublisher(event.workflow, event.attempt)
      case 'publish':
        return this.alive(event.owner)?.step() ?? null
      case 'crash':
        return this.crash(event.owner)
      case 'answer-lost': {
        const late = this.alive(event.owner)?.loseAnswer()
        if (!late) return null
        this.late.push(late)
        return `of loadItem ${late.sequence} ${late.item.key}=${late.item.values ?? 'empty'}`
      }
      case 'late-lands': {
        const late = this.late.shift()
        if (!late) return null
        late.table.loadItem(late.sequence, late.item)
        return `loadItem ${late.sequence} ${late.item.key}=${late.item.values ?? 'empty'}`
      }
      case 'renew':
      case 'release':
        return this.touchLease(event.owner, event.type)
      case 'lease-expires':
        if (!this.ledger.lease || this.ledger.lease.isExpired) return null
        this.ledger.lease.isExpired = true
        return `of ${this.ledger.lease.owner}`
      case 'delta-lost': {
        const publish = this.ledger.publishes.find(({ sequence }) => sequence === event.sequence)
        if (!publish?.delta || publish.isFinished) return null
        publish.isDeltaLost = true
        return 'gone'
      }
      case 'cache-lost':
        this.ledger.cache = null
        return 'gone'
      case 'months-pass':
        if (this.ledger.lease) this.ledger.lease.isExpired = true
        for (const publisher of this.publishers.values()) publisher.isStale ||= publisher.publish !== null
        this.store.expire()
        return 'empty items expire'
      case 'backfill-begins':
      case 'backfill-ends': {
        const isBeginning = event.type === 'backfill-begins'
        if (this.ledger.isBackfilling === isBeginning) return null
        this.ledger.isBackfilling = isBeginning
        return 'now'
      }
    }
  }

  alivePublishers(): Publisher[] {
    return [...this.publishers.values()].filter(({ isAlive }) => isAlive)
  }

  runningRuns(): Run[] {
    return [...this.ledger.runs.values()].filter(({ outcome }) => outcome === 'running')
  }

  /** R27: intervals for which a tick starts a run. */
  intervalsToRun(): number[] {
    return [...this.source.keys()].filter((interval) => {
      const runs = this.ledger.runsOf(interval)
      if (runs.some(({ outcome }) => outcome === 'running')) return false
      const compared = this.ledger.has('compare-any-outcome')
        ? runs
        : runs.filter(({ outcome }) => outcome !== 'held' && outcome !== 'rejected')
      const latest = compared.toSorted((a, b) => (a.number ?? 0) - (b.number ?? 0)).at(-1)
      if (!latest || latest.outcome === 'moved' || this.ledger.reopened.has(interval)) return true
      return JSON.stringify(latest.pinned) !== JSON.stringify(this.source.get(interval))
    })
  }

  private list(run: Run | undefined): string | null {
    if (run?.outcome !== 'running' || run.looked) return null
    run.looked = { rows: this.source.get(run.interval)!, reopens: this.ledger.reopens.get(run.interval) ?? 0 }
    this.lookedAt.set(run.id, this.eventNumber)
    return 'lists its files'
  }

  private stepRun(run: Run | undefined): string | null {
    if (run?.outcome !== 'running') return null
    if (!run.pinned) {
      this.list(run)
      this.ledger.pinRun(run.id, run.looked!.rows, run.looked!.reopens)
      const listedAt = Math.max(this.listedAt.get(run.interval) ?? 0, this.lookedAt.get(run.id)!)
      this.listedAt.set(run.interval, listedAt)
      return `pins its inputs as number ${run.number}, against ${run.supersedes ? `c${run.supersedes}` : 'nothing'}`
    }
    if (!run.candidate) {
      const isKept = (row: Row) => isInside(row, run.interval) || !this.ledger.has('commit-bounds')
      run.candidate = run.pinned!.filter(isKept)
      return `computes ${run.candidate.length} rows`
    }
    if (!run.judged) {
      run.judged = run.candidate
      if (run.judged.some(({ value }) => value === badValue)) run.outcome = 'held'
      return run.outcome === 'held' ? 'is held' : 'is judged good'
    }
    const result = this.ledger.commitRun(run.id)
    run.outcome = result === 'already-committed' ? 'committed' : result
    return result === 'committed' ? `commits c${this.ledger.commits.length}` : `commit: ${result}`
  }

  private decide(id: string, action: 'accept' | 'reject' | 'rerun'): string | null {
    const run = this.ledger.runs.get(id)
    if (run?.outcome !== 'held') return null
    const result = this.ledger.decide(action, id)
    if (action === 'rerun' && result === 'kept') this.rerunAsked.set(run.interval, this.eventNumber)
    return `${action}: ${result}`
  }

  private startPublisher(workflow: string, attempt: number): string | null {
    const publisher = new Publisher(workflow, attempt, this.ledger, this.store, this.heartbeats)
    if (this.publishers.has(publisher.owner)) return null
    this.publishers.set(publisher.owner, publisher)
    return 'starts'
  }

  private crash(owner: string): string | null {
    const publisher = this.alive(owner)
    if (!publisher) return null
    publisher.phase = 'ended'
    publisher.isCrashed = true
    return 'dies'
  }

  private touchLease(owner: string, type: 'renew' | 'release'): string | null {
    const publisher = this.alive(owner)
    if (!publisher?.publish) return null
    const { sequence } = publisher.publish
    const result = type === 'renew' ? this.ledger.renewLease(sequence, owner) : 'released'
    if (type === 'release') this.ledger.releaseLease(sequence, owner)
    if (result !== 'ok') publisher.phase = 'ended'
    return `${type} ${sequence}: ${result}`
  }

  private alive(owner: string): Publisher | undefined {
    const publisher = this.publishers.get(owner)
    return publisher?.isAlive ? publisher : undefined
  }
}

/** A value that judging holds. */
export const badValue = 9
