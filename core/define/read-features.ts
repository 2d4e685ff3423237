import { isOperation, operations, ruleOf } from '../compute/operations/index.js'
import type { WindowParameters } from '../compute/operations/operation.js'
import { formatColumnType } from './column-types.js'
import type { Problem } from './declare.js'
import type { Column, Feature } from './definitions.js'
import { didYouMean } from './did-you-mean.js'
import { readDuration } from './duration-option.js'
import { bucketRefusal, refusal, windowResultType } from './feature-type.js'
import type { FeatureSpec, WindowSpec } from './features.js'
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
  const refuse = (message: string, facts: Readonly<Record<string, string>> = {}, hint?: string): null => {
    const problem = {
      code: 'DEFINE_INVALID',
      message: `${who} ${message}`,
      facts: { view, feature: name, ...facts },
    } as const
    problems.push(hint === undefined ? problem : { ...problem, hint })
    return null
  }
  if (spec.kind === 'lookup') {
    const column = readColumn(who, view, name, spec.column ?? name, given, problems)
    return column && { kind: 'lookup', name, column: column.name, type: typeOf(column) }
  }
  const { operation } = spec
  if (!isOperation(operation))
    return refuse(`is a window of ${JSON.stringify(operation)}`, {}, `there are ${Object.keys(operations).join(', ')}`)
  if (spec.column === null && !ruleOf(operation).takesRows)
    return refuse(`takes ${operation} of no column`, {}, `window.${operation}('column', { over: '24h' })`)
  const column = spec.column === null ? null : readColumn(who, view, name, spec.column, given, problems)
  const by = spec.by === null ? null : readColumn(who, view, name, spec.by, given, problems)
  if ((spec.column !== null && column === null) || (spec.by !== null && by === null)) return null
  const wanted = column && refusal(operation, column)
  if (wanted)
    return refuse(`takes ${operation} of '${column.name}', which is ${formatColumnType(column)}, not ${wanted}`, {
      column: column.name,
    })
  const wantedBy = by && bucketRefusal(by)
  if (wantedBy)
    return refuse(`has buckets by '${by.name}', which is ${formatColumnType(by)}, not ${wantedBy}`, { column: by.name })
  const parameters = readParameters(spec)
  if (typeof parameters === 'string') return refuse(parameters)
  const over = spec.over === 'lifetime' ? spec.over : readDuration(`${who}: over`, spec.over, problems)?.text
  if (over === undefined) return null
  return {
    kind: 'window',
    name,
    operation,
    column: column?.name ?? null,
    over,
    ...(parameters === null ? {} : { parameters }),
    ...(by === null ? {} : { by: by.name }),
    type: windowResultType(operation, column && typeOf(column), parameters ?? {}, by && typeOf(by)),
  }
}

/** A text: what is wrong with them, as a sentence's end. */
function readParameters({ operation, options }: WindowSpec): WindowParameters | null | string {
  const rule = ruleOf(operation).options
  const unknown = Object.keys(options).find((option) => !rule.names.includes(option))
  if (unknown !== undefined)
    return `has no option '${unknown}'; ${operation} takes ${['over', 'by', ...rule.names].join(', ')}`
  const read = rule.read(options as never)
  return typeof read === 'string' ? `takes ${operation}: ${read}` : read
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
