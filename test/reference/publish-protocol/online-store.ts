/** The online store's part, with the operations of core/ports/online-store.ts. One method call is one atomic write. */
import type { Guard } from './guards.js'
import type { End, Item } from './ledger.js'

export type PutOutcome = 'written' | 'refused'

/** A table that is read by its number: 0 the plain name, else the sequence of the first load that made it. */
export class ModelOnlineStore {
  private readonly tables = new Map<number, ModelTable>()

  constructor(private readonly without: ReadonlySet<Guard>) {}

  table(number: number): ModelTable {
    const table = this.tables.get(number) ?? new ModelTable(this.without)
    this.tables.set(number, table)
    return table
  }

  /** DynamoDB's own clean-up, 30 days on: empty items only. */
  expire(): void {
    for (const table of this.tables.values()) table.expire()
  }
}

export class ModelTable {
  readonly items = new Map<string, { readonly sequence: number; readonly values: string | null }>()
  readonly violations: string[] = []
  end: (End & { readonly sequence: number }) | null = null
  /** The highest sequence that ever landed on a key, whatever became of the item. */
  readonly highest = new Map<string, number>()

  constructor(private readonly without: ReadonlySet<Guard>) {}

  putItem(sequence: number, item: Item): PutOutcome {
    const stored = this.items.get(item.key)
    if (!this.without.has('write-condition') && stored && stored.sequence > sequence) return 'refused'
    return this.loadItem(sequence, item)
  }

  /** Without a condition. */
  loadItem(sequence: number, item: Item): 'written' {
    const highest = this.highest.get(item.key) ?? 0
    if (sequence < highest)
      this.violations.push(`R36: publish ${sequence} wrote ${item.key} after its successor ${highest} had written it`)
    this.highest.set(item.key, Math.max(sequence, highest))
    if (item.values === null && this.without.has('empty-item')) this.items.delete(item.key)
    else this.items.set(item.key, { sequence, values: item.values })
    return 'written'
  }

  putEnd(sequence: number, end: End): PutOutcome {
    if (!this.without.has('end-condition') && this.end && this.end.sequence > sequence) return 'refused'
    if (this.end && end.endAt < this.end.endAt)
      this.violations.push(`R29: the published end moved back from ${this.end.endAt} to ${end.endAt}`)
    this.end = { sequence, endAt: end.endAt, missing: end.missing }
    return 'written'
  }

  /** What a reader sees; an empty item equals an absent one. */
  read(key: string): string | null {
    return this.items.get(key)?.values ?? null
  }

  expire(): void {
    for (const [key, item] of this.items) if (item.values === null) this.items.delete(key)
  }
}
