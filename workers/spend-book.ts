/**
 * What a worker's steps have spent, by whose work it was, and how it gets into the ledger: as running totals, each told until the ledger
 * has taken it. An attempt that fails has spent what it has spent. Of a worker that is killed what it had not told is lost: a few seconds'.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import type { Log } from '../activities/activity-deps.js'
import { addSpend, nothingSpent, type Spend, spendFields } from '../core/measure/index.js'
import type { Clock } from '../core/ports/clock.js'
import type { Day, SpendRecord, SpendWriter } from '../core/ports/spend-ledger.js'
import type { SpendMeter } from '../core/ports/spend-meter.js'
import { dayOf } from '../core/time/day.js'

/** Whose work it is. */
export type Spender = Pick<SpendRecord, 'view' | 'version' | 'work' | 'subject' | 'backfillId'>

interface Account extends Spender {
  readonly spendId: string
  readonly day: Day
  spend: Spend
  isTold: boolean
}

export interface SpendBookDeps {
  readonly ledger: SpendWriter
  readonly clock: Pick<Clock, 'realNow'>
  readonly log: Log
}

const tellEveryMs = 5_000
/** The longest that the end of a run waits for the ledger, which is told later, then; and the end of a worker. */
const runTellMs = 2_000
const lastTellMs = 3_000

export class SpendBook implements SpendMeter {
  readonly #current = new AsyncLocalStorage<Spender>()
  readonly #accounts = new Map<string, Account>()
  readonly #writer = randomUUID()
  #ids = 0
  #telling: Promise<void> | null = null
  #today: () => Day = () => ''

  /** What `work` spends, wherever it goes, is the spender's. */
  run<T>(spender: Spender, work: () => Promise<T>): Promise<T> {
    return this.#current.run(spender, work)
  }

  add(spent: Partial<Spend>): void {
    const spender = this.#current.getStore()
    if (spender === undefined || !spendFields.some((field) => spent[field])) return
    const account = this.#accountOf(spender)
    account.spend = addSpend(account.spend, spent)
    account.isTold = false
  }

  /** Tells the ledger every few seconds, and when told to, waiting no more than a moment for it; returns what stops it, once the last is told. */
  tellTo({ ledger, clock, log }: SpendBookDeps): { tell(): Promise<void>; close(): Promise<void> } {
    this.#today = () => dayOf(clock.realNow())
    const tell = async (): Promise<void> => {
      // One after another: totals that overtake each other would be counted twice.
      while (this.#telling !== null) await this.#telling
      this.#telling = this.#tell(ledger)
        .catch((error: unknown) =>
          log.warn({ error }, 'what was spent could not be told to the ledger; it is told later'),
        )
        .finally(() => {
          this.#telling = null
        })
      await this.#telling
    }
    const timer = setInterval(() => void tell(), tellEveryMs)
    timer.unref()
    const tellWithin = async (patienceMs: number): Promise<void> => {
      let late: NodeJS.Timeout | undefined
      const wait = new Promise<void>((resolve) => {
        late = setTimeout(resolve, patienceMs)
      })
      await Promise.race([tell(), wait])
      clearTimeout(late)
    }
    return {
      tell: () => tellWithin(runTellMs),
      async close() {
        clearInterval(timer)
        await tellWithin(lastTellMs)
      },
    }
  }

  #accountOf(spender: Spender): Account {
    const day = this.#today()
    const { view, version, work, subject } = spender
    const name = [day, view, version, work, subject].join('|')
    const known = this.#accounts.get(name)
    if (known) return known
    const made = { ...spender, spendId: `${this.#writer}/${++this.#ids}`, day, spend: nothingSpent, isTold: false }
    this.#accounts.set(name, made)
    return made
  }

  async #tell(ledger: SpendWriter): Promise<void> {
    const told = [...this.#accounts].filter(([, { isTold }]) => !isTold)
    const records = told.map(([, { isTold: _, ...record }]) => record)
    if (records.length > 0) await ledger.recordSpend(records)
    for (const [index, [, account]] of told.entries()) account.isTold = account.spend === records[index]!.spend
    // What was quiet since the time before has ended, mostly; else it goes on under another name.
    for (const [name, account] of this.#accounts)
      if (account.isTold && !told.some(([one]) => one === name)) this.#accounts.delete(name)
  }
}
