/** Columns worked out one layer after the other (operations/operation.ts), as selects inside each other. */
import type { Layer } from './operations/operation.js'
import { column, type Expression, type NamedExpression, type Relation, select } from './sql-algebra.js'

/**
 * Adds the columns of the layers: each may use those before it. @param names columns of `rows` @param wanted what is asked of the result; a column is
 * handed on as far as it is used
 */
export function addLayers(
  rows: Relation,
  names: readonly string[],
  layers: readonly Layer[],
  wanted: ReadonlySet<string>,
): Relation {
  const needed = neededAfter(layers, wanted)
  let known: readonly string[] = names
  return layers.reduce((before, layer, at) => {
    const handed = known.filter((name) => needed[at]!.has(name))
    const added = layer.filter(([name]) => needed[at]!.has(name))
    known = [...handed, ...added.map(([name]) => name)]
    return select(before, [...handed.map((name): NamedExpression => [name, column(name)]), ...added])
  }, rows)
}

/** For each layer what is used after it. */
function neededAfter(layers: readonly Layer[], wanted: ReadonlySet<string>): ReadonlySet<string>[] {
  const needed: Set<string>[] = []
  let now = new Set(wanted)
  for (let at = layers.length - 1; at >= 0; at--) {
    needed[at] = now
    now = new Set(now)
    const added = layers[at]!.filter(([name]) => needed[at]!.has(name))
    for (const [name] of added) now.delete(name)
    for (const used of columnsIn(...added.map(([, value]) => value))) now.add(used)
  }
  return needed
}

/** Names of the columns that expressions read. */
export function columnsIn(...expressions: readonly Expression[]): Set<string> {
  const found = new Set<string>()
  const visit = (part: unknown): void => {
    if (Array.isArray(part)) part.forEach(visit)
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return
    const { is, name } = part as { readonly is?: unknown; readonly name?: unknown }
    if (is === 'column') found.add(name as string)
    else Object.values(part).forEach(visit)
  }
  visit(expressions)
  return found
}
