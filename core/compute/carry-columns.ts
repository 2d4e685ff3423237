import { assert } from '../errors.js'

/** Space and comments before the first word. */
const beforeFirstWord = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*/

/** Whether a text begins with SELECT, as one that columns can be put in front of. */
export function beginsWithSelect(sql: string): boolean {
  return /^select\b/i.test(sql.slice(beforeFirstWord.exec(sql)![0].length))
}

/**
 * The same SELECT with columns before its own, which it does not know of: where a row came from is not for the one who wrote it to hand on.
 * The text stays as it is otherwise; `plan` has checked that it is one SELECT without DISTINCT, set operations and the like (query-check).
 * @param columns printed names
 */
export function carryColumns(sql: string, columns: readonly string[]): string {
  assert(beginsWithSelect(sql), 'a query begins with SELECT')
  const at = beforeFirstWord.exec(sql)![0].length + 'select'.length
  return `${sql.slice(0, at)} ${columns.map((name) => `${name}, `).join('')}${sql.slice(at)}`
}
