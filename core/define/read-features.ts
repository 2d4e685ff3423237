import { formatColumnType } from './column-types.js'
import type { Problem } from './declare.js'
import type { Column, Feature } from './definitions.js'
import { didYouMean } from './did-you-mean.js'
import { readDuration } from './duration-option.js'
import { refusal, windowResultType } from './feature-type.js'
import type { FeatureSpec } from './features.js'
import type { GivenView } from './given-view.js'
import { isPlainObject } from './names.js'

/** Features with the types of their answers (R20). One whose column is missing or does not suit is left out, and is a problem. */
export function readFeatures(view: string, given: GivenView, problems: Problem[]): Feature[] {
  const specs = isPlainObject(given.features) ? given.features : {}
  return Object.entries(specs).flatMap(([name, spec]) => readFeature(view, name, spec, given, problems) ?? [])
}

function readFeature(
  view: string,
  name: string,
  spec: FeatureSpec,
  given: GivenView,
  problems: Problem[],
): Feature | null {
  const who = `view '${view}': feature '${name}'`
  if (spec?.kind !== 'lookup' && spec?.kind !== 'window') {
    const message = `${who} is neither lookup() nor window.…()`
    problems.push({ code: 'DEFINE_INVALID', message, facts: { view, feature: name } })
    return null
  }
  const columnName = spec.kind === 'lookup' ? (spec.column ?? name) : spec.column
  const column = columnName === null ? null : readColumn(who, view, name, columnName, given, problems)
  if (columnName !== null && column === null) return null
  if (spec.kind === 'lookup')
    return { kind: 'lookup', name, column: columnName as string, type: typeOf(column as Column) }
  const wanted = column && refusal(spec.operation, column)
  if (wanted) {
    problems.push({
      code: 'DEFINE_INVALID',
      message: `${who} takes ${spec.operation} of '${columnName}', which is ${formatColumnType(column)}, not ${wanted}`,
      facts: { view, feature: name, column: column.name },
    })
    return null
  }
  const over = spec.over === 'lifetime' ? spec.over : readDuration(`${who}: over`, spec.over, problems)?.text
  if (over === undefined) return null
  const type = windowResultType(spec.operation, column && typeOf(column))
  return { kind: 'window', name, operation: spec.operation, column: columnName, over, type }
}

function readColumn(
  who: string,
  view: string,
  feature: string,
  name: string,
  given: GivenView,
  problems: Problem[],
): Column | null {
  const source = given.source?.definition
  // A view without a source is a problem of its own.
  if (!source) return null
  const column = source.schema.find((one) => one.name === name)
  if (column) return column
  problems.push({
    code: 'DEFINE_UNKNOWN_COLUMN',
    message: `${who} reads column '${name}', which source '${source.name}' does not have`,
    hint: `${didYouMean(
      name,
      source.schema.map((one) => one.name),
    )}its columns are ${source.schema.map((one) => one.name).join(', ')}`,
    facts: { view, feature, column: name, source: source.name },
  })
  return null
}

function typeOf({ name: _name, ...type }: Column) {
  return type
}
