import { isDimension } from './as-of.js'
import type { Problem } from './declare.js'
import type { SourceDefinition, SourceDimension, SourceQuery } from './definitions.js'
import { readDuration } from './duration-option.js'
import type { GivenQuery } from './given-query.js'
import { isPlainObject } from './names.js'

/** The query as plain data; a dimension that is none is a problem. */
export function readQuery(source: string, given: GivenQuery, from: SourceDefinition, problems: Problem[]): SourceQuery {
  const dimensions = Object.entries(isPlainObject(given.with) ? given.with : {})
  return {
    sql: typeof given.sql === 'string' ? given.sql.trimEnd().replace(/;(?:\s*;)*$/, '') : '',
    from,
    with: dimensions.flatMap(([alias, value]): SourceDimension[] => {
      const definition = isDimension(value) ? value.dimension.definition : undefined
      if (!isDimension(value) || definition?.kind !== 'source') {
        problems.push({
          code: 'DEFINE_INVALID',
          message: `source '${source}': with.${alias} is no dimension`,
          hint: `${alias}: asOf(source, { column: 'column of from' })`,
          facts: { source, alias },
        })
        return []
      }
      const within =
        value.within === null ? null : readDuration(`source '${source}': ${alias}: within`, value.within, problems)
      return [
        {
          alias,
          source: definition,
          keys: Object.entries(value.keys).map(([column, of]) => ({ column, of })),
          within: within?.text ?? null,
        },
      ]
    }),
  }
}
