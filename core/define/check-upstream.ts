/** What is wrong with a source that is built on a view. */
import { type GivenSource, sourceProblems } from './check-source.js'
import { formatColumnType } from './column-types.js'
import { isDeclared, type Problem } from './declare.js'
import type { Column, SourceDefinition, UpstreamView, ValueType } from './definitions.js'
import { didYouMean } from './did-you-mean.js'

export function upstreamProblems(source: SourceDefinition, given: { readonly view?: unknown }): Problem[] {
  const who = `source '${source.name}'`
  const { upstream } = source
  if (!isDeclared(given.view) || given.view.definition.kind !== 'view' || !upstream)
    return [invalid(source, `${who} has no view`, 'view: the value that featureView(…) returned')]
  return [
    ...sourceProblems(source, { visibility: source.visibility } as GivenSource),
    ...(upstream.view.viewKind === 'lookup' ? lookupProblems(source, upstream) : []),
    ...roleProblems(source, upstream),
    ...nameProblems(source, upstream),
    ...source.schema
      .filter(({ name }) => !isRole(source, name))
      .flatMap((one) => columnProblems(source, upstream, one)),
  ]
}

function invalid(source: SourceDefinition, message: string, hint: string): Problem {
  return { code: 'DEFINE_INVALID', message, hint, facts: { source: source.name } }
}

const isRole = (source: SourceDefinition, name: string): boolean =>
  [source.eventTime, source.createdTime, source.tombstone].includes(name)

/** R16, R18, R19: what the rows of a lookup view mean must go with them. */
function lookupProblems(source: SourceDefinition, { view, source: below }: UpstreamView): Problem[] {
  const who = `source '${source.name}'`
  return [
    ...(below.eventId === null
      ? []
      : [
          invalid(
            source,
            `${who} is built on lookup view '${view.name}', whose source has event ids: which of its rows counts is known only with all of them (R19)`,
            `build on source '${below.name}' itself, or on a window view`,
          ),
        ]),
    ...(below.createdTime !== null && source.createdTime === null
      ? [
          invalid(
            source,
            `${who} has no createdTime, and the rows of view '${view.name}' have (R16)`,
            "createdTime: '…'",
          ),
        ]
      : []),
    ...(below.tombstone !== null && source.tombstone === null
      ? [invalid(source, `${who} has no tombstone, and the rows of view '${view.name}' have (R18)`, "tombstone: '…'")]
      : []),
  ]
}

/** What the rows do not have. */
function roleProblems(source: SourceDefinition, { view, source: below }: UpstreamView): Problem[] {
  const has = view.viewKind === 'lookup' ? below : { createdTime: null, tombstone: null }
  return (['createdTime', 'tombstone'] as const).flatMap((role) =>
    source[role] === null || has[role] !== null
      ? []
      : [
          invalid(
            source,
            `source '${source.name}' has a ${role}, and the rows of view '${view.name}' have none`,
            'leave it out',
          ),
        ],
  )
}

/** A column is a role of the row or a value of the view: under one name it would be the first, and nobody would be told. */
function nameProblems(source: SourceDefinition, { view, entity, source: below }: UpstreamView): Problem[] {
  return (['eventTime', 'createdTime', 'tombstone'] as const).flatMap((role) => {
    const name = source[role]
    const isKey = entity.keys.some((key) => key.name === name)
    const feature = view.features.find((one) => one.name === name)
    const column = isKey ? view.keyColumns.find(({ key }) => key === name)?.column : feature?.column
    const isTheSame = view.viewKind === 'lookup' && column === below[role]
    if ((!isKey && feature === undefined) || isTheSame) return []
    const what = `source '${source.name}': its ${role} '${name}' is also a ${isKey ? 'key' : 'feature'} of view '${view.name}', which is something else`
    return [invalid(source, what, 'call one of the two otherwise: the name of the role is free')]
  })
}

function columnProblems(source: SourceDefinition, upstream: UpstreamView, declared: Column): Problem[] {
  const { view, entity } = upstream
  const known: (readonly [string, ValueType])[] = [
    ...entity.keys.map(({ name, ...type }) => [name, type] as const),
    ...view.features.map(({ name, type }) => [name, type] as const),
  ]
  const names = known.map(([name]) => name)
  const type = known.find(([name]) => name === declared.name)?.[1]
  const facts = { source: source.name, column: declared.name }
  if (!type)
    return [
      {
        code: 'DEFINE_UNKNOWN_COLUMN',
        message: `source '${source.name}': view '${view.name}' has no key or feature '${declared.name}'`,
        hint: `${didYouMean(declared.name, names)}there are ${names.join(', ')}`,
        facts,
      },
    ]
  const text = (one: ValueType) => formatColumnType({ ...one, nullable: false })
  if (text(type) === text(declared)) return []
  const message = `source '${source.name}': '${declared.name}' is ${text(declared)}, of view '${view.name}' it is ${text(type)}`
  return [{ code: 'DEFINE_INVALID', message, hint: 'declare it as the view has it', facts }]
}
