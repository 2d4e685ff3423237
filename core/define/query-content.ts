import type { Json } from './canonical-json.js'
import type { Column, SourceDefinition, SourceQuery } from './definitions.js'
import { typed } from './typed-column.js'

/**
 * What of a query decides its rows: the text, and of the sources below it what the text can reach. A column whose name does not occur in
 * the text is not read (`*` is refused), so that a source may grow without a new version of every view.
 * @param placeContent where rows of a source come from
 */
export function queryContent(
  { sql, from, with: dimensions }: SourceQuery,
  placeContent: (source: SourceDefinition) => { readonly [key: string]: Json },
): { readonly [key: string]: Json } {
  return {
    sql,
    from: {
      ...placeContent(from),
      schema: read(
        from.schema,
        new Set([...named(from.schema, sql), ...dimensions.flatMap(({ keys }) => keys.map(({ of }) => of))]),
      ),
    },
    with: dimensions.map(({ alias, source, keys, within }) => ({
      name: alias,
      ...placeContent(source),
      keys: keys.map(({ column, of }) => ({ name: column, of })),
      within,
      schema: settling(source, new Set([...named(source.schema, sql), ...keys.map(({ column }) => column)])),
    })),
  }
}

function named(columns: readonly Column[], sql: string): string[] {
  const text = sql.replaceAll('""', '"').toLowerCase()
  return columns.map(({ name }) => name).filter((name) => text.includes(name.toLowerCase()))
}

function read(columns: readonly Column[], names: ReadonlySet<string>): Json {
  return columns.filter(({ name }) => names.has(name)).map(typed)
}

/** Up to the last column that is read: rows that tie on all of these show the same (R3). */
function settling(source: SourceDefinition, names: ReadonlySet<string>): Json {
  const last = source.schema.findLastIndex(({ name }) => names.has(name))
  return source.schema.slice(0, last + 1).map(typed)
}
