/** What the engine would change of a spine's own columns, which are to stay as they are (R14): found in the footer, before anything is read. */
import { MillcourseError } from '../errors.js'
import { isInNanoseconds, type SchemaRow } from './file-types.js'

/**
 * @param rows of one file, depth first, the root before them (`buildFileTypesQuery`)
 * @throws MillcourseError TRAINING_SPINE_INVALID naming the first such column
 */
export function refuseChangedColumns(rows: readonly Readonly<Record<string, unknown>>[]): void {
  const nodes = rows as unknown as readonly SchemaRow[]
  let at = 1
  const look = (top: string, depth: number): void => {
    const node = nodes[at++]!
    const why = whyChanged(node, depth)
    if (why !== null) throw changed(top, why)
    for (let child = Number(node.num_children ?? 0); child > 0; child--) look(top, depth + 1)
  }
  while (at < nodes.length) look(nodes[at]!.name, 1)
}

function whyChanged(node: SchemaRow, depth: number): string | null {
  const logical = node.logical_type ?? ''
  if (/^TimeType\b/.test(logical) && isInNanoseconds(node))
    return 'times of day in nanoseconds, of which the engine makes microseconds'
  const [, precision = '0'] = /^DecimalType\b.*\bprecision=(\d+)/.exec(logical) ?? []
  if (Number(precision) > 38) return `decimals of ${precision} digits, of which the engine makes other numbers`
  const isTime = node.type === 'INT96' || (node.duckdb_type === 'TIMESTAMP WITH TIME ZONE' && isInNanoseconds(node))
  return isTime && depth > 1 ? 'times in nanoseconds inside of it, of which the engine makes microseconds' : null
}

function changed(column: string, what: string): MillcourseError {
  return new MillcourseError('TRAINING_SPINE_INVALID', `the spine's "${column}" has ${what}`, {
    hint: 'write it as another type, or leave it out; --spine-sql takes a query that does either',
    facts: { column },
  })
}
