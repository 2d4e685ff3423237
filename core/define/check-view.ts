/** What is wrong with a view, at run time: the compiler says most of it first (view-types.ts). */

import { familyOf, formatColumnType, holdsKind, isCounted, isNumeric } from './column-types.js'
import { isDeclared, type Problem } from './declare.js'
import type {
  FeatureCheck,
  FeatureDrift,
  FeatureSeverity,
  FeatureViewDefinition,
  LimitSeverities,
  OwnCheck,
  SourceDefinition,
  ViewDrift,
} from './definitions.js'
import { didYouMean } from './did-you-mean.js'
import type { GivenView } from './given-view.js'
import { checkColumnNames, checkName, checkVersion, isPlainObject } from './names.js'

export function viewProblems(view: FeatureViewDefinition, given: GivenView): Problem[] {
  return [
    ...checkName('view', view.name),
    ...checkVersion(`view '${view.name}'`, view.version).map((problem) => ({ ...problem, facts: { view: view.name } })),
    ...partsProblems(view, given),
    ...keyProblems(view, given),
    ...featureProblems(view, given),
    ...optionProblems(view, given),
    ...checkProblems(view, given),
    ...budgetProblems(view),
  ]
}

function invalid(view: FeatureViewDefinition, message: string, more: Omit<Problem, 'code' | 'message'> = {}): Problem {
  return {
    code: 'DEFINE_INVALID',
    message: `view '${view.name}'${message}`,
    ...more,
    facts: { view: view.name, ...more.facts },
  }
}

/** A budget of nothing would be an incident of every day. */
function budgetProblems(view: FeatureViewDefinition): Problem[] {
  const { budget } = view
  if (budget === undefined) return []
  const hint = 'budget: { writeUnitsPerDay: 2_000_000 }; leave it out for a view that may cost what it takes'
  if (!isPlainObject(budget)) return [invalid(view, ': budget says no number of units', { hint })]
  const { writeUnitsPerDay: units } = budget
  if (!view.online)
    return [
      invalid(view, ' has a budget of write units and is not online: it writes none', { hint: 'leave out budget' }),
    ]
  if (typeof units === 'number' && Number.isFinite(units) && units > 0) return []
  return [invalid(view, `: budget.writeUnitsPerDay ${units} is not a number above 0`, { hint })]
}

function partsProblems(view: FeatureViewDefinition, given: GivenView): Problem[] {
  const problems: Problem[] = []
  if (!isDeclared(given.entity) || given.entity.definition.kind !== 'entity')
    problems.push(invalid(view, ' has no entity', { hint: 'entity: the value that entity(…) returned' }))
  if (!isDeclared(given.source) || given.source.definition.kind !== 'source')
    problems.push(
      invalid(view, ' has no source', { hint: 'source: the value that parquet(…), query(…) or fromView(…) returned' }),
    )
  return problems
}

/** Every key has a column of its own family (R12). */
function keyProblems(view: FeatureViewDefinition, given: GivenView): Problem[] {
  const entity = given.entity?.definition
  const source = given.source?.definition
  if (!entity || !source) return []
  const unknown = Object.keys(given.keys ?? {}).filter((key) => !entity.keys.some((one) => one.name === key))
  return [
    ...unknown.map((key) => invalid(view, ` maps the key '${key}', which entity '${entity.name}' does not have`)),
    ...entity.keys.flatMap((key): Problem[] => {
      const columnName = given.keys?.[key.name] ?? key.name
      const column = source.schema.find((one) => one.name === columnName)
      const facts = { view: view.name, key: key.name, column: columnName, source: source.name }
      if (!column)
        return [
          {
            code: 'DEFINE_UNKNOWN_COLUMN',
            message: `view '${view.name}' joins on '${columnName}', which source '${source.name}' does not have`,
            hint: `${didYouMean(
              columnName,
              source.schema.map((one) => one.name),
            )}keys: { ${key.name}: '…' } with one of ${source.schema.map((one) => one.name).join(', ')}`,
            facts,
          },
        ]
      const isSame =
        familyOf(column.kind) === familyOf(key.kind) && (key.kind !== 'decimal' || key.scale === column.scale)
      if (isSame && holdsKind(key, column)) return []
      const types = `: key '${key.name}' is ${formatColumnType(key)}, column '${columnName}' of source '${source.name}' is ${formatColumnType(column)} (R12)`
      if (!isSame) return [invalid(view, types, { facts })]
      const hint = `the key has to hold every value of the column: declare it as wide, or the column as narrow as its values are`
      return [invalid(view, types, { hint, facts })]
    }),
  ]
}

function featureProblems(view: FeatureViewDefinition, given: GivenView): Problem[] {
  const names = Object.keys(isPlainObject(given.features) ? given.features : {})
  const kinds = new Set(Object.values(given.features ?? {}).map((spec) => spec?.kind))
  const problems = [
    ...names.flatMap((name) => checkName(`view '${view.name}': feature`, name)),
    ...checkColumnNames(`view '${view.name}'`, names).filter((problem) => problem.code === 'DEFINE_DUPLICATE_NAME'),
  ]
  if (names.length === 0) problems.push(invalid(view, ' has no features'))
  if (kinds.has('lookup') && kinds.has('window'))
    problems.push(
      invalid(view, ' has both lookups and windows', {
        hint: 'make two views of them; a feature service puts the two together',
      }),
    )
  for (const name of names) {
    const taken = view.keyColumns.find(({ key }) => key.toLowerCase() === name.toLowerCase())?.key
    if (taken === undefined) continue
    const differing = taken === name ? '' : `, '${taken}', but for its case (R23)`
    problems.push({
      code: 'DEFINE_DUPLICATE_NAME',
      message: `view '${view.name}': feature '${name}' has the name of a key${differing}`,
      facts: { view: view.name, feature: name },
    })
  }
  return problems
}

/** Options that only one kind of view has, and what a tiled view asks of its source. */
function optionProblems(view: FeatureViewDefinition, given: GivenView): Problem[] {
  const problems: Problem[] = []
  if (view.onGap !== 'block' && view.onGap !== 'mark')
    problems.push(invalid(view, `: onGap ${JSON.stringify(view.onGap)} is neither 'block' nor 'mark' (R32)`))
  if (view.viewKind === 'lookup')
    for (const option of ['tile', 'coarseTile', 'onGap'] as const)
      if (given[option] !== undefined && given[option] !== null && view.features.length > 0)
        problems.push(invalid(view, `: ${option} is for window views, and this one looks up`, { hint: 'leave it out' }))
  const source: SourceDefinition | undefined = given.source?.definition
  if (view.viewKind === 'window' && source?.eventId && source.eventId.within === null)
    problems.push(
      invalid(
        view,
        ` has windows over source '${source.name}', whose eventId does not say within which span a redelivery is looked for (R19)`,
        { hint: `eventId: { column: '${source.eventId.column}', within: '24h' }`, facts: { source: source.name } },
      ),
    )
  return problems
}

function checkProblems(view: FeatureViewDefinition, given: GivenView): Problem[] {
  const rates = [
    ['rejectedRateMax', view.checks.rejectedRateMax],
    ['duplicateRateMax', view.checks.duplicateRateMax],
    ...Object.entries(view.checks.features).map(([name, one]) => [`features.${name}.nullRateMax`, one.nullRateMax]),
  ] as const
  return [
    ...rates
      .filter(([, rate]) => typeof rate === 'number' && !(rate >= 0 && rate <= 1))
      .map(([name, rate]) => invalid(view, `: checks.${name} is ${rate}, a share lies between 0 and 1`)),
    ...limitProblems(view, 'rows', view.checks.rows ?? {}),
    ...groupProblems(view, 'rows', view.checks.rows ?? {}, false),
    ...(['rejectedRateSeverity', 'duplicateRateSeverity'] as const).flatMap((name) =>
      severityProblems(view, name, view.checks[name], false),
    ),
    ...Object.entries(view.checks.own ?? {}).flatMap(([name, check]) => ownProblems(view, name, check)),
    ...(view.checks.drift ? driftProblems(view, 'drift', view.checks.drift) : []),
    ...Object.entries(view.checks.features).flatMap(([name, check]) => featureCheckProblems(view, given, name, check)),
  ]
}

function limitProblems(view: FeatureViewDefinition, name: string, limits: { min?: number; max?: number }): Problem[] {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = limits
  if (min <= max) return []
  return [invalid(view, `: checks.${name}: min ${min} is above max ${max}, so nothing passes`)]
}

/** What its SQL says is checked by `plan` (core/compute/query-check). */
function ownProblems(view: FeatureViewDefinition, name: string, check: OwnCheck): Problem[] {
  const { sql, max, severity } = check
  const problems = [...checkName(`view '${view.name}': check`, name)]
  if (typeof sql !== 'string' || sql.trim() === '')
    problems.push(invalid(view, `: checks.own.${name} has no sql`, { hint: "sql: 'SELECT … FROM rows WHERE …'" }))
  if (max !== undefined && !(Number.isInteger(max) && max >= 0))
    problems.push(invalid(view, `: checks.own.${name}.max is ${max}, not a number of rows from 0 on`))
  return [
    ...problems,
    ...severityProblems(view, `own.${name}.severity`, severity, true),
    ...heldByOwnProblems(view, name, check),
  ]
}

/** Of bad rows nobody but the check knows which features they speak against. */
function heldByOwnProblems(view: FeatureViewDefinition, name: string, { severity, features }: OwnCheck): Problem[] {
  const hint = `its features are ${view.features.map((one) => one.name).join(', ')}`
  const facts = { check: name }
  if (severity !== 'hold-feature') {
    if (features === undefined) return []
    const message = `: checks.own.${name}.features names what severity 'hold-feature' holds, and it says ${severity === undefined ? 'none' : `'${severity}'`}`
    return [invalid(view, message, { hint: "severity: 'hold-feature', or leave out features", facts })]
  }
  if (!Array.isArray(features) || features.length === 0)
    return [
      invalid(view, `: checks.own.${name} holds features and names none`, { hint: `features: […]; ${hint}`, facts }),
    ]
  return features
    .filter((feature) => !view.features.some((one) => one.name === feature))
    .map((feature) =>
      invalid(view, `: checks.own.${name}.features names '${feature}', which is not one of its features`, {
        hint,
        facts: { ...facts, feature },
      }),
    )
}

function severityProblems(
  view: FeatureViewDefinition,
  path: string,
  severity: unknown,
  isOfFeature: boolean,
): Problem[] {
  if (severity === undefined || severity === 'hold' || severity === 'warn') return []
  if (isOfFeature && severity === 'hold-feature') return []
  const said = `: checks.${path} ${JSON.stringify(severity)}`
  return [
    isOfFeature
      ? invalid(view, `${said} is none of 'hold', 'hold-feature' and 'warn'`)
      : invalid(view, `${said} is neither 'hold' nor 'warn'`),
  ]
}

/** Of limits that stand together, and of single ones among them. */
function groupProblems(
  view: FeatureViewDefinition,
  name: string,
  group: LimitSeverities<string, FeatureSeverity>,
  isOfFeature: boolean,
): Problem[] {
  const { severity, severities = {} } = group
  const path = `${name}.severities`
  if (!isPlainObject(severities))
    return [invalid(view, `: checks.${path} is no object`, { hint: `${path}: { LIMIT: 'warn' }` })]
  return [
    ...severityProblems(view, `${name}.severity`, severity, isOfFeature),
    ...Object.entries(severities).flatMap(([limit, one]) =>
      typeof group[limit as keyof typeof group] === 'number' && limit !== 'historyMin'
        ? severityProblems(view, `${path}.${limit}`, one, isOfFeature)
        : [invalid(view, `: checks.${path} names '${limit}', and checks.${name} has no such limit`)],
    ),
  ]
}

/** Limits are of amounts of change. */
function driftProblems(view: FeatureViewDefinition, name: string, drift: FeatureDrift | ViewDrift): Problem[] {
  const { severity: _one, severities: _each, historyMin, ...limits } = drift
  const said = Object.entries(limits).filter(([, limit]) => limit !== undefined)
  const isBelowZero = (limit: unknown) => typeof limit !== 'number' || !(limit >= 0)
  const problems = said
    .filter(([, limit]) => isBelowZero(limit))
    .map(([limit, value]) => invalid(view, `: checks.${name}.${limit} is ${value}, not a number from 0 on`))
  if (said.length === 0)
    problems.push(invalid(view, `: checks.${name} has no limit`, { hint: 'say one, or leave it out' }))
  if (historyMin !== undefined && !(Number.isInteger(historyMin) && historyMin >= 1))
    problems.push(invalid(view, `: checks.${name}.historyMin is ${historyMin}, not a number of runs from 1 on`))
  return [...problems, ...groupProblems(view, name, drift, name !== 'drift')]
}

function featureCheckProblems(
  view: FeatureViewDefinition,
  given: GivenView,
  name: string,
  check: FeatureCheck,
): Problem[] {
  const facts = { feature: name }
  if (!Object.hasOwn(given.features ?? {}, name))
    return [
      invalid(view, `: checks.features names '${name}', which is not one of its features`, {
        hint: `its features are ${view.features.map((one) => one.name).join(', ')}`,
        facts,
      }),
    ]
  const feature = view.features.find((one) => one.name === name)
  // The feature itself is wrong, and that has been said.
  if (!feature) return []
  if (feature.column === null)
    return [
      invalid(view, `: feature '${name}' counts rows and reads no column`, {
        hint: 'limit checks.rows instead',
        facts,
      }),
    ]
  const column = given.source?.definition?.schema.find((one) => one.name === feature.column)
  const ofNumbers = [check.drift?.sigmaMax, check.drift?.psiMax]
  if (column && !isCounted(column.kind) && ofNumbers.some((limit) => limit !== undefined))
    return [
      invalid(
        view,
        `: checks.features.${name}.drift limits numbers of '${column.name}', which is ${formatColumnType(column)}`,
        { hint: 'only nullRateChangeMax and cardinalityChangeMax are for columns of this type', facts },
      ),
    ]
  const drift = check.drift ? driftProblems(view, `features.${name}.drift`, check.drift) : []
  if (drift.length > 0) return drift
  if (column && !isNumeric(column.kind) && (check.min !== undefined || check.max !== undefined))
    return [
      invalid(
        view,
        `: checks.features.${name} limits '${column.name}', which is ${formatColumnType(column)}, not a number`,
        {
          hint: 'only nullRateMax is for columns of this type',
          facts,
        },
      ),
    ]
  return [...limitProblems(view, `features.${name}`, check), ...groupProblems(view, `features.${name}`, check, true)]
}
