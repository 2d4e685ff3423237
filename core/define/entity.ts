import { type ColumnBuilder, type Columns, formatColumnType, isFloat } from './column-types.js'
import { type Declared, declare, definitionBrand, type Problem } from './declare.js'
import type { DefineError } from './define-error.js'
import type { EntityDefinition } from './definitions.js'
import { type Documentation, documented } from './documentation.js'
import { checkColumnNames, checkName } from './names.js'
import { readColumns } from './read-columns.js'
import { callerLocation } from './source-location.js'
import { documentationOptions, unknownOptions } from './unknown-options.js'

export interface Entity<Name extends string = string, Keys extends Columns = Columns>
  extends Declared<EntityDefinition> {
  readonly name: Name
  readonly keys: Keys
}

export interface EntityOptions<Name extends string, Keys extends Columns> extends Documentation {
  /** The join keys, in the order of their encoding (R13). Integers, strings, dates, …; never floating-point (R12). */
  readonly keys: { readonly [Key in keyof Keys]: CheckedKey<Name, Key & string, Keys[Key]> }
}

type CheckedKey<Name extends string, Key extends string, Column> =
  Column extends ColumnBuilder<'float32' | 'float64'>
    ? DefineError<`entity '${Name}': key '${Key}' is floating-point, which never compares exactly (R12)`>
    : Column extends ColumnBuilder<ColumnBuilder['kind'], true>
      ? DefineError<`entity '${Name}': key '${Key}' cannot be nullable: a null in a key matches nothing (R5)`>
      : Column

/** What features are about: typed join keys. @throws MillcourseError DEFINE_* */
export function entity<const Name extends string, const Keys extends Columns>(
  name: Name,
  options: EntityOptions<Name, Keys>,
): Entity<Name, Keys> {
  const problems: Problem[] = []
  const keys = options.keys as unknown as Keys
  const definition: EntityDefinition = {
    kind: 'entity',
    name,
    keys: readColumns(`entity '${name}'`, keys, problems),
    ...documented(options),
    at: callerLocation(),
  }
  problems.push(...unknownOptions(`entity '${name}'`, options, { keys: true, ...documentationOptions }))
  return declare({ [definitionBrand]: true, name, keys, definition }, [...problems, ...entityProblems(definition)])
}

function entityProblems(definition: EntityDefinition): Problem[] {
  const who = `entity '${definition.name}'`
  const problems = [
    ...checkName('entity', definition.name),
    ...checkColumnNames(
      who,
      definition.keys.map((key) => key.name),
    ),
  ]
  if (definition.keys.length === 0)
    problems.push({ code: 'DEFINE_INVALID', message: `${who} has no keys`, hint: 'keys: { user_id: t.int64() }' })
  for (const key of definition.keys) {
    const facts = { entity: definition.name, key: key.name }
    if (isFloat(key.kind))
      problems.push({
        code: 'DEFINE_INVALID',
        message: `${who}: key '${key.name}' is ${formatColumnType(key)}; floating-point keys never compare exactly (R12)`,
        hint: 'key by an integer, a string or a decimal',
        facts,
      })
    if (key.nullable)
      problems.push({
        code: 'DEFINE_INVALID',
        message: `${who}: key '${key.name}' cannot be nullable: a null in a key matches nothing (R5)`,
        hint: 'leave out .nullable(); the source column may have nulls',
        facts,
      })
  }
  return problems
}
