/** The ledger's part of the protocol, with the operations of core/ports/ledger.ts. One method call is one transaction. */
import type { Guard } from './guards.js'
import { type Committed, isInside, missingAt, newestEnd, project, type Row, type View } from './view.js'

export interface Run {
  readonly id: string
  readonly interval: number
  readonly kind: 'scheduled' | 'backfill'
  number: number | null
  /** Which pinning it was, counted over the ledger: older inputs must not replace newer ones. */
  pinning: number
  supersedes: number | null
  /** The source's rows as listed, and how often the interval had been re-opened just before; pinned in a step of their own. */
  looked: { readonly rows: readonly Row[]; readonly reopens: number } | null
  /** The source's rows as pinned; the files of the real thing. */
  pinned: readonly Row[] | null
  candidate: readonly Row[] | null
  judged: readonly Row[] | null
  outcome: 'running' | 'committed' | 'held' | 'accepted' | 'rejected' | 'superseded' | 'moved'
}

export interface Commit {
  readonly id: number
  readonly interval: number
  readonly run: string
  readonly kind: Run['kind']
  readonly number: number
  readonly rows: readonly Row[]
  readonly replaces: number | null
  markedBy: number | null
}

export interface Item {
  readonly key: string
  /** Null: an empty item, read as missing. */
  readonly values: string | null
}

export interface End {
  readonly endAt: number
  readonly missing: readonly number[]
}

export interface Publish extends End {
  readonly sequence: number
  readonly workflow: string
  /** Its number; see online-store.ts. */
  readonly table: number
  readonly isFirstLoad: boolean
  readonly covered: readonly Commit[]
  readonly replaced: readonly Commit[]
  readonly current: readonly Commit[]
  /** The published end before this publish. */
  readonly previousEnd: number
  /** Null: the cache is lost, rebuild it by a scan. */
  readonly published: ReadonlyMap<string, string | null> | null
  /** Null among them: that delta file is lost. */
  readonly unfinished: readonly (readonly Item[] | null)[]
  /** Keys of commits that are not covered yet, whose values may still be the old ones. */
  readonly uncoveredKeys: ReadonlySet<string>
  delta: readonly Item[] | null
  isDeltaLost: boolean
  /** Its lease was given back: it is never continued. */
  isReleased: boolean
  isFinished: boolean
  finishedBy: string | null
}

export type OpenResult =
  | { readonly kind: 'opened' | 'resumed'; readonly publish: Publish }
  | { readonly kind: 'busy' | 'nothing'; readonly publish?: never }
export type LeaseResult = 'ok' | 'overtaken'

export class ModelLedger {
  readonly runs = new Map<string, Run>()
  readonly commits: Commit[] = []
  readonly publishes: Publish[] = []
  readonly reopened = new Set<number>()
  /** How often each interval was re-opened. */
  readonly reopens = new Map<number, number>()
  readonly violations: string[] = []
  lease: {
    readonly sequence: number
    readonly owner: string
    readonly workflow: string
    isExpired: boolean
    /** Another publish has met it. */
    isWanted: boolean
  } | null = null
  /** The published state; null until a publish has finished, and when it is lost: a scan takes its place. */
  cache: Map<string, string | null> | null = null
  private pinnings = 0
  lastFinished = 0
  endAt = 0
  isBackfilling = false
  /** The version's: what readers read. */
  onlineTable = 0

  constructor(
    readonly view: View,
    readonly without: ReadonlySet<Guard>,
    private readonly firstLoadsMax: number,
  ) {}

  has(guard: Guard): boolean {
    return !this.without.has(guard)
  }

  /** The accepted version of each interval. */
  current(): Map<number, Commit> {
    return new Map(this.commits.map((commit) => [commit.interval, commit]))
  }

  committed(): Committed {
    return new Map([...this.current()].map(([interval, commit]) => [interval, commit.rows]))
  }

  startRun(id: string, interval: number, kind: Run['kind']): void {
    this.runs.set(id, {
      id,
      interval,
      kind,
      number: this.has('number-at-pin') ? null : this.nextNumber(interval),
      pinning: 0,
      supersedes: null,
      looked: null,
      pinned: null,
      candidate: null,
      judged: null,
      outcome: 'running',
    })
  }

  pinRun(id: string, rows: readonly Row[], reopensSeen: number): void {
    const run = this.run(id)
    if (run.pinned) return
    run.number ??= this.nextNumber(run.interval)
    run.pinning = ++this.pinnings
    run.supersedes = this.current().get(run.interval)?.id ?? null
    run.pinned = rows
    const isSeen = (this.reopens.get(run.interval) ?? 0) <= reopensSeen || !this.has('reopen-seen-at-listing')
    if (isSeen && this.has('reopen-cleared-at-pin')) this.reopened.delete(run.interval)
  }

  commitRun(id: string): 'committed' | 'already-committed' | 'superseded' | 'moved' {
    const run = this.run(id)
    if (this.commits.some((commit) => commit.run === id)) return 'already-committed'
    const current = this.current().get(run.interval)
    if (this.has('commit-number') && current && current.number > run.number!) return 'superseded'
    if (this.has('commit-supersedes') && (current?.id ?? null) !== run.supersedes) return 'moved'
    if ((current?.id ?? null) !== run.supersedes)
      this.violations.push(`R36: ${id} replaced a version that it was not planned against`)
    this.append(run, run.candidate!)
    if (!this.has('reopen-cleared-at-pin')) this.reopened.delete(run.interval)
    return 'committed'
  }

  /** The transaction that carries a decision out. */
  decide(action: 'accept' | 'reject' | 'rerun', id: string): 'committed' | 'kept' | 'superseded' | 'not-applicable' {
    const run = this.run(id)
    const current = this.current().get(run.interval)
    if (run.outcome !== 'held') return 'not-applicable'
    if (this.has('commit-number') && current && current.number > run.number!) {
      run.outcome = 'superseded'
      return 'superseded'
    }
    run.outcome = action === 'accept' ? 'accepted' : 'rejected'
    if (action === 'rerun') this.reopen(run.interval)
    if (action === 'rerun' || (action === 'reject' && current && this.has('reject-keeps'))) return 'kept'
    if (action === 'reject' && current) this.violations.push(`R37: rejecting ${id} emptied an accepted interval`)
    const candidates = this.runsOf(run.interval).filter((other) => other.candidate)
    const accepted = this.has('accept-judged') ? run.judged : candidates.at(-1)!.candidate
    if (action === 'accept' && accepted !== run.judged)
      this.violations.push(`R37: accepting ${id} committed another candidate than the judged one`)
    this.append(run, action === 'accept' ? accepted! : [])
    return 'committed'
  }

  private reopen(interval: number): void {
    this.reopened.add(interval)
    this.reopens.set(interval, (this.reopens.get(interval) ?? 0) + 1)
  }

  openPublish(owner: string, workflow: string): OpenResult {
    const newest = this.publishes.at(-1)
    const isTaken = this.lease && !this.lease.isExpired && this.lease.workflow !== workflow
    if (isTaken && this.has('wait-for-lease')) {
      this.lease!.isWanted = true
      return { kind: 'busy' }
    }
    const own = this.has('resume-newest') ? newest : this.publishes.findLast((one) => one.workflow === workflow)
    const isOwnOpen = own !== undefined && own.workflow === workflow && !own.isFinished
    const mayResume = !own?.isFirstLoad || !this.has('first-load-not-resumed')
    if (isOwnOpen && mayResume && this.has('new-sequence') && own.delta && !own.isDeltaLost && !own.isReleased) {
      this.lease = {
        sequence: own.sequence,
        owner,
        workflow,
        isExpired: false,
        isWanted: this.lease?.isWanted ?? false,
      }
      return { kind: 'resumed', publish: own }
    }
    const isSequenceKept = isOwnOpen && !this.has('new-sequence')
    const publish = this.fix(workflow, isSequenceKept ? own.sequence : (newest?.sequence ?? 0) + 1)
    if (publish.endAt === 0 || (publish.covered.length === 0 && publish.unfinished.length === 0))
      return { kind: 'nothing' }
    if (isSequenceKept) this.publishes.splice(this.publishes.indexOf(own), 1)
    this.publishes.push(publish)
    if (!this.has('first-load-named-when-finished')) this.onlineTable = publish.table
    this.lease = { sequence: publish.sequence, owner, workflow, isExpired: false, isWanted: false }
    return { kind: 'opened', publish }
  }

  recordDelta(sequence: number, owner: string, delta: readonly Item[]): LeaseResult {
    if (this.has('record-lease') && !this.isHeldBy(sequence, owner)) return 'overtaken'
    this.publish(sequence).delta = delta
    return 'ok'
  }

  renewLease(sequence: number, owner: string): LeaseResult {
    if (!this.isHeldBy(sequence, owner)) return 'overtaken'
    this.lease!.isExpired = false
    return 'ok'
  }

  finishPublish(
    sequence: number,
    owner: string,
    newBase: ReadonlyMap<string, string | null> | null,
  ): LeaseResult | 'wanted' {
    const publish = this.publish(sequence)
    if (publish.isFinished) return publish.finishedBy === owner ? 'ok' : 'overtaken'
    if (this.has('finish-lease') && !this.isHeldBy(sequence, owner)) return 'overtaken'
    const covered = this.has('covering-fixed')
      ? publish.covered
      : this.commits.filter(({ markedBy }) => markedBy === null)
    for (const commit of covered) commit.markedBy = sequence
    if (newBase) this.cache = new Map(newBase)
    for (const item of publish.delta!) this.cache?.set(item.key, item.values)
    publish.isFinished = true
    publish.finishedBy = owner
    this.lastFinished = sequence
    this.endAt = publish.endAt
    this.onlineTable = publish.table
    const isWanted = this.lease?.isWanted ?? false
    this.lease = null
    return isWanted ? 'wanted' : 'ok'
  }

  releaseLease(sequence: number, owner: string): void {
    if (!this.isHeldBy(sequence, owner)) return
    this.lease = null
    this.publish(sequence).isReleased = true
    if (!this.has('release-unfinished')) this.publish(sequence).delta = null
  }

  runsOf(interval: number): Run[] {
    return [...this.runs.values()].filter((run) => run.interval === interval)
  }

  private nextNumber(interval: number): number {
    return 1 + Math.max(0, ...this.runsOf(interval).map((other) => other.number ?? 0))
  }

  run(id: string): Run {
    return this.runs.get(id)!
  }

  private publish(sequence: number): Publish {
    return this.publishes.find((publish) => publish.sequence === sequence)!
  }

  private isHeldBy(sequence: number, owner: string): boolean {
    return this.lease?.sequence === sequence && this.lease.owner === owner
  }

  private append(run: Run, rows: readonly Row[]): void {
    const replaced = this.current().get(run.interval)
    if (replaced && replaced.number >= run.number!)
      this.violations.push(`R37: ${run.id}, number ${run.number}, was committed over number ${replaced.number}`)
    const replacedRun = replaced && this.run(replaced.run)
    if (replacedRun && replacedRun.pinning > run.pinning)
      this.violations.push(`R37: ${run.id} replaced what ${replacedRun.id} had made from inputs pinned later`)
    if (rows.some((row) => !isInside(row, run.interval)))
      this.violations.push(`R21: ${run.id} committed a row outside interval ${run.interval}`)
    this.commits.push({
      id: this.commits.length + 1,
      interval: run.interval,
      run: run.id,
      kind: run.kind,
      number: run.number!,
      rows,
      replaces: replaced?.id ?? null,
      markedBy: null,
    })
  }

  /** R33: what a publish is of, as it stands in this transaction. */
  private fix(workflow: string, sequence: number): Publish {
    const current = this.current()
    const unmarked = this.commits.filter(({ markedBy }) => markedBy === null)
    const mayCover = unmarked.filter(({ kind }) => kind !== 'backfill' || !this.isBackfilling)
    const newest = newestEnd(this.view, current, this.has('end-blocked'))
    const ownEnd = Math.min(newest, Math.max(0, ...mayCover.map(({ interval }) => interval + 1))) || newest
    const endAt = this.has('end-newest') ? newest : ownEnd
    const covered = mayCover.filter(({ interval }) => interval < endAt || !this.has('cover-up-to-end'))
    const uncovered = unmarked.filter((commit) => !covered.includes(commit))
    const replacedBy = (commits: readonly Commit[]) =>
      commits.flatMap(({ replaces }) => (replaces === null ? [] : [this.commits[replaces - 1]!]))
    const { table, isFirstLoad } = this.chooseTable(sequence)
    return {
      sequence,
      workflow,
      table,
      isFirstLoad,
      endAt,
      missing: missingAt(this.view, current, endAt),
      covered,
      replaced: replacedBy(covered),
      current: [...current.values()],
      previousEnd: this.endAt,
      published: this.cache && new Map(this.cache),
      unfinished: this.publishes
        .filter((one) => one.sequence > this.lastFinished && one.delta && !one.isFinished && one.table === table)
        .map((one) => (one.isDeltaLost ? null : one.delta)),
      uncoveredKeys: new Set(
        [...uncovered, ...replacedBy(uncovered)].flatMap(({ rows }) => rows.map(({ key }) => key)),
      ),
      delta: null,
      isDeltaLost: false,
      isReleased: false,
      isFinished: false,
      finishedBy: null,
    }
  }

  /** A version of which nothing is finished is loaded into a table that nobody else has ever written, unless that was tried in vain. */
  private chooseTable(sequence: number): { table: number; isFirstLoad: boolean } {
    const begun = this.publishes.filter(({ delta }) => delta)
    const isFirst = (this.lastFinished === 0 && this.onlineTable === 0) || !this.has('first-load-once')
    const isTriedInVain = begun.length >= this.firstLoadsMax || begun.some((one) => !one.isFirstLoad)
    if (!isFirst || isTriedInVain) return { table: this.onlineTable, isFirstLoad: false }
    return { table: this.has('first-load-own-table') ? sequence : 0, isFirstLoad: true }
  }

  /** What every reader of `publish` has to see once it is online: the truth, whatever guard is missing. */
  truth(publish: Publish): Map<string, string> {
    return project(this.view, new Map(publish.current.map(({ interval, rows }) => [interval, rows])), publish.endAt)
  }
}
