/**
 * R35, lookup: values of features that the newest row's commit leaves out are of older rows. Beside the item's values stands which, and of
 * which event time: `[[2,"978310800000000000"],[3,null]]`, by the features' places in the view; null: no row has it, and neither has the item.
 */
import { answerOfNothing } from '../compute/merged-features.js'
import { printName } from '../compute/print-duckdb.js'
import type { FeatureViewDefinition } from '../define/definitions.js'
import type { Instant } from '../time/instant.js'

export interface HeldValue {
  /** Of the feature, in the view. */
  readonly index: number
  readonly eventAt: Instant | null
}

/** The column of `groupedRowsSql`. */
export const heldSql = '__held'

export function parseHeld(text: string | undefined): HeldValue[] {
  if (text === undefined) return []
  return (JSON.parse(text) as [number, string | null][]).map(([index, event]) => ({
    index,
    eventAt: event === null ? null : BigInt(event),
  }))
}

export interface AnsweredGroup {
  /** Names of features. */
  readonly features: readonly string[]
  /** A SELECT of keys and all features, for lookups `__event_ns` and `__is_deleted`, too; null: nothing answers them. */
  readonly sql: string | null
  /** Of windows that are held: they are not at the end that others are at. */
  readonly isAtOlderEnd?: boolean
}

/**
 * The newest rows of a lookup view, features that are left out of a key's newest row from the newest that has them; columns as before, and `__held`.
 * @param first of the features that are left out nowhere: its rows say which keys there are, and their times
 */
export function groupedRowsSql(
  { view }: { readonly view: FeatureViewDefinition },
  [first, ...others]: readonly AnsweredGroup[],
): string {
  const { columns, from, of } = besides(view, first!, others)
  const held = view.features.flatMap(({ name }, index) => {
    const group = of.get(name)
    if (group === undefined) return []
    const event = `CASE WHEN NOT coalesce(${group}.__is_deleted, true) THEN concat('"', ${group}.__event_ns, '"') END`
    return [
      `CASE WHEN ${group}.__event_ns IS DISTINCT FROM g0.__event_ns THEN concat(',[${index},', coalesce(${event}, 'null'), ']') ELSE '' END`,
    ]
  })
  const all = `concat(${["''", ...held].join(', ')})`
  return `SELECT *, CASE WHEN NOT coalesce(__is_deleted, false) AND held_list <> '' THEN concat('[', substr(held_list, 2), ']') END AS ${heldSql}
    FROM (SELECT ${columns.join(', ')}, g0.__event_ns, g0.__is_deleted, ${all} AS held_list FROM ${from})`
}

function besides(view: FeatureViewDefinition, first: AnsweredGroup, others: readonly AnsweredGroup[]) {
  const keys = view.keyColumns.map(({ key }) => printName(key))
  const groups = others.flatMap(({ sql, features }, index) => [{ sql: sql!, features, name: `g${index + 1}` }])
  const of = new Map(groups.flatMap(({ features, name }) => features.map((feature) => [feature, name] as const)))
  const joins = groups.map(
    ({ sql, name }) => `LEFT JOIN (${sql}) ${name} ON ${keys.map((key) => `${name}.${key} = g0.${key}`).join(' AND ')}`,
  )
  const columns = [
    ...keys.map((key) => `g0.${key}`),
    ...view.features.map(({ name }) => `${of.get(name) ?? 'g0'}.${printName(name)}`),
  ]
  return { columns, of, from: [`(${first.sql}) g0`, ...joins].join(' ') }
}

/**
 * Windows of groups at ends of their own. A key of any group is answered; of what it is not in, nothing lies in the windows (R8), but at
 * an older end: there a key that is new has null.
 */
export function groupedWindowsSql(
  { view }: { readonly view: FeatureViewDefinition },
  groups: readonly AnsweredGroup[],
): string {
  const keys = view.keyColumns.map(({ key }) => printName(key))
  const answered = groups.flatMap(({ sql, features, isAtOlderEnd = false }, index) =>
    sql === null ? [] : [{ sql, features, isAtOlderEnd, name: `g${index}` }],
  )
  const of = new Map(answered.flatMap((group) => group.features.map((feature) => [feature, group] as const)))
  const values = view.features.map((feature) => {
    const { name } = feature
    const group = of.get(name)
    const found = group === undefined ? 'NULL' : `${group.name}.${printName(name)}`
    const nothing = feature.kind === 'window' && answerOfNothing(feature) !== null ? '0' : 'NULL'
    const value = group === undefined || group.isAtOlderEnd ? found : `coalesce(${found}, ${nothing})`
    return `${value} AS ${printName(name)}`
  })
  const using = keys.join(', ')
  const [head, ...rest] = answered
  return `SELECT ${[...keys, ...values].join(', ')} FROM (${head!.sql}) ${head!.name}
    ${rest.map(({ sql, name }) => `FULL JOIN (${sql}) ${name} USING (${using})`).join(' ')}`
}
