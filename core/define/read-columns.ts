import type { Problem } from './declare.js'
import type { Column, ColumnType } from './definitions.js'
import { isPlainObject } from './names.js'

/** Columns or keys as plain data, in their order. What is no column type is left out, and is a problem. */
export function readColumns(who: string, columns: unknown, problems: Problem[]): Column[] {
  return Object.entries(isPlainObject(columns) ? columns : {}).flatMap(([name, column]) => {
    const type = isPlainObject(column) ? (column.type as ColumnType | undefined) : undefined
    if (type?.kind) return [{ name, ...type }]
    problems.push({
      code: 'DEFINE_INVALID',
      message: `${who}: '${name}' has no type`,
      hint: `${name}: t.string(), t.int64(), …`,
      facts: { column: name },
    })
    return []
  })
}
