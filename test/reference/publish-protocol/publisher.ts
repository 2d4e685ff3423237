/** One attempt at a publish: a step machine whose every step is one call of a port. A worker that is stopped is one that is not stepped. */
import type { Commit, Item, ModelLedger, Publish } from './ledger.js'
import type { ModelOnlineStore, ModelTable } from './online-store.js'
import { project, type Row, type View } from './view.js'

/** Items acknowledged, and under which sequence. */
export interface Cursor {
  readonly sequence: number
  readonly items: number
}

export class Publisher {
  phase: 'open' | 'record' | 'write' | 'end' | 'finish' | 'ended' = 'open'
  publish: Publish | null = null
  /** A crash ends it too; kept apart for the trace. */
  isCrashed = false
  /** By its own monotonic clock its lease is long over. */
  isStale = false
  delta: readonly Item[] = []
  cursor = 0
  private newBase: ReadonlyMap<string, string | null> | null = null

  constructor(
    readonly workflow: string,
    readonly attempt: number,
    private readonly ledger: ModelLedger,
    private readonly store: ModelOnlineStore,
    private readonly heartbeats: Map<string, Cursor>,
  ) {}

  get owner(): string {
    return `${this.workflow}/${this.attempt}`
  }

  get isAlive(): boolean {
    return this.phase !== 'ended'
  }

  /** Makes the next call and says what came of it. */
  step(): string {
    const { ledger, owner } = this
    if (this.phase === 'open') return this.open()
    const publish = this.publish!
    const { sequence, isFirstLoad } = publish
    const online = this.store.table(publish.table)
    if (this.phase === 'record') {
      const result = ledger.recordDelta(sequence, owner, this.delta)
      this.goOn(result === 'ok', ledger.has('record-before-write') ? 'write' : 'finish')
      return `recordDelta ${sequence} {${this.delta.map(formatItem).join(', ')}}: ${result}`
    }
    if (this.phase === 'finish') {
      const result = ledger.finishPublish(sequence, owner, this.newBase)
      this.goOn(false, 'ended')
      return `finishPublish ${sequence}: ${result}`
    }
    if (this.isStale && ledger.has('writer-lease')) {
      this.goOn(false, 'ended')
      return `publish ${sequence} stops: its lease is over`
    }
    if (this.phase === 'write') {
      const item = this.delta[this.cursor]!
      const outcome = isFirstLoad ? online.loadItem(sequence, item) : online.putItem(sequence, item)
      this.cursor++
      const isAhead = !ledger.has('cursor-acknowledged')
      const items = this.cursor + (isAhead ? 1 : 0)
      if (outcome === 'written') this.heartbeats.set(this.workflow, { sequence, items })
      this.goOn(outcome === 'written', 'write')
      return `${isFirstLoad ? 'loadItem' : 'putItem'} ${sequence} ${formatItem(item)}: ${outcome}`
    }
    const isEndNeeded = ledger.has('end-always-written') || publish.endAt !== publish.previousEnd
    const outcome = isEndNeeded ? online.putEnd(sequence, publish) : 'unchanged'
    const next = ledger.has('end-after-items') ? 'finish' : 'write'
    this.goOn(outcome !== 'refused', ledger.has('record-before-write') ? next : 'record')
    return `putEnd ${sequence} E=${publish.endAt} missing=[${publish.missing}]: ${outcome}`
  }

  /** The answer to the next write of a first load is lost: it lands when it likes. Null: that is not what comes next. */
  loseAnswer(): { readonly table: ModelTable; readonly sequence: number; readonly item: Item } | null {
    const { publish } = this
    if (this.phase !== 'write' || !publish?.isFirstLoad || this.isStale) return null
    const late = { table: this.store.table(publish.table), sequence: publish.sequence, item: this.delta[this.cursor]! }
    if (this.ledger.has('first-load-unknown-outcome')) {
      this.ledger.releaseLease(publish.sequence, this.owner)
      this.phase = 'open'
    }
    // Without the guard it is sent again, and goes on once that is answered.
    return late
  }

  private open(): string {
    const result = this.ledger.openPublish(this.owner, this.workflow)
    if (!result.publish) {
      this.goOn(false, 'ended')
      return `openPublish: ${result.kind}`
    }
    const { publish } = result
    this.publish = publish
    this.isEndWritten = false
    this.cursor = 0
    const online = this.store.table(publish.table)
    if (result.kind === 'resumed') {
      this.delta = publish.delta!
      const cursor = this.heartbeats.get(this.workflow)
      const isCursorOwn = cursor?.sequence === publish.sequence || !this.ledger.has('cursor-of-sequence')
      this.cursor = cursor && isCursorOwn ? cursor.items : 0
      this.newBase = publish.published ? null : scan(online)
      this.goOn(true, 'write')
      return `openPublish: resumed ${publish.sequence} at item ${this.cursor}`
    }
    const published =
      publish.published ?? (this.ledger.has('rebuild-by-scan') ? scan(online) : new Map<string, string>())
    this.newBase = publish.published ? null : published
    this.delta = planDelta(this.ledger, publish, published, new Set(online.items.keys()))
    this.goOn(true, this.ledger.has('record-before-write') ? 'record' : 'write')
    const covered = publish.covered.map(({ id }) => `c${id}`)
    const load = publish.isFirstLoad ? `, first load into table ${publish.table}` : ''
    return `openPublish: sequence ${publish.sequence}${load}, E=${publish.endAt}, covers ${covered.join(' ') || 'nothing'}`
  }

  private goOn(isGood: boolean, next: Publisher['phase']): void {
    const { ledger } = this
    this.phase = isGood ? next : 'ended'
    const isEndFirst = !ledger.has('end-after-items')
    if (this.phase === 'write' && isEndFirst && this.cursor === 0 && this.publish && !this.isEndWritten) {
      this.isEndWritten = true
      this.phase = 'end'
    } else if (this.phase === 'write' && this.cursor >= this.delta.length) this.phase = isEndFirst ? 'finish' : 'end'
  }

  private isEndWritten = false
}

/** Which keys are written, with what: those touched whose value differs, and all of unfinished predecessors (R29, R31, R36). */
function planDelta(
  ledger: ModelLedger,
  publish: Publish,
  published: ReadonlyMap<string, string | null>,
  scanned: ReadonlySet<string>,
): Item[] {
  const values = ledger.has('newest-row') ? ledger.truth(publish) : lastCommitted(ledger.view, publish)
  const forced = new Set<string>()
  if (ledger.has('rewrite-unfinished'))
    for (const delta of publish.unfinished) for (const item of delta ?? []) forced.add(item.key)
  const touched = new Set([...keysOf(publish.covered), ...forced])
  if (ledger.has('replaced-keys')) for (const key of keysOf(publish.replaced)) touched.add(key)
  if (ledger.has('leaving-keys')) for (const key of leavingKeys(ledger.view, publish)) touched.add(key)
  if (publish.published === null) for (const key of [...scanned, ...keysOf(publish.current)]) touched.add(key)
  if (publish.unfinished.includes(null) && ledger.has('all-keys-when-lost')) {
    const uncovered = ledger.has('all-keys-of-uncovered') ? publish.uncoveredKeys : []
    for (const key of [...touched, ...scanned, ...published.keys(), ...keysOf(publish.current), ...uncovered])
      forced.add(key)
  }
  const isForced = (key: string) => forced.has(key) && ledger.has('rewrite-unchanged')
  return [...new Set([...touched, ...forced])]
    .sort()
    .map((key) => ({ key, values: values.get(key) ?? null }))
    .filter((item) => isForced(item.key) || item.values !== (published.get(item.key) ?? null))
}

function leavingKeys(view: View, publish: Publish): string[] {
  if (view.kind === 'lookup') return []
  const from = publish.previousEnd - view.reach
  return keysOf(publish.current.filter(({ interval }) => interval >= from && interval < publish.endAt - view.reach))
}

function keysOf(commits: readonly Commit[]): string[] {
  return commits.flatMap(({ rows }) => rows.map(({ key }) => key))
}

/** The mistake that R22 forbids: what was committed last wins. */
function lastCommitted(view: View, publish: Publish): Map<string, string> {
  if (view.kind === 'window')
    return project(view, new Map(publish.current.map(({ interval, rows }) => [interval, rows])), publish.endAt)
  const byCommit = publish.current.toSorted((a, b) => a.id - b.id).flatMap(({ rows }): readonly Row[] => rows)
  return new Map(byCommit.map((row) => [row.key, `${row.value}@${row.at}`]))
}

function scan(online: ModelTable): Map<string, string | null> {
  return new Map([...online.items].map(([key, item]) => [key, item.values]))
}

function formatItem(item: Item): string {
  return `${item.key}=${item.values ?? 'empty'}`
}
