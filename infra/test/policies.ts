/** Policies of the synthesised roles, and what they say of a request: as IAM does, a denial wins. */
import type { Resource, Synthesised } from './synthesised.js'

export interface Statement {
  readonly Sid?: string
  readonly Effect: 'Allow' | 'Deny'
  readonly Action: string | readonly string[]
  readonly Resource: string | readonly string[]
  readonly Principal?: unknown
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>
}

interface Document {
  readonly Statement: readonly Statement[]
}

/** Every statement of every policy in the templates, with the resource it stands in. */
export function allStatements({
  resources,
}: Synthesised): { readonly where: Resource; readonly statement: Statement }[] {
  return resources.flatMap((where) =>
    documentsIn(where.properties).flatMap((document) => document.Statement.map((statement) => ({ where, statement }))),
  )
}

function documentsIn(value: unknown): Document[] {
  if (typeof value !== 'object' || value === null) return []
  if ('Statement' in value) return [value as Document]
  return Object.values(value).flatMap(documentsIn)
}

/** Of the role that a process's task runs as. */
export function taskStatements({ ofType }: Synthesised, process: string): Statement[] {
  const task = ofType('AWS::ECS::TaskDefinition').find(({ properties }) =>
    String(properties.Family).endsWith(`-flights-${process}`),
  )
  if (task === undefined) throw new Error(`no task ${process}`)
  const role = String(task.properties.TaskRoleArn).replace('.Arn}', '}')
  return ofType('AWS::IAM::Policy')
    .filter(({ properties }) => (properties.Roles as string[]).includes(role))
    .flatMap(({ properties }) => [...(properties.PolicyDocument as Document).Statement])
}

export interface Request {
  readonly action: string
  readonly resource: string
  readonly context?: Readonly<Record<string, string>>
}

export function isAllowed(statements: readonly Statement[], request: Request): boolean {
  const matching = statements.filter((statement) => matches(statement, request))
  return matching.some(({ Effect }) => Effect === 'Allow') && !matching.some(({ Effect }) => Effect === 'Deny')
}

function matches({ Action, Resource, Condition }: Statement, { action, resource, context = {} }: Request): boolean {
  if (!list(Action).some((pattern) => isLike(pattern, action))) return false
  if (!list(Resource).some((pattern) => isLike(pattern, resource))) return false
  return Object.entries(Condition ?? {}).every(([operator, tests]) =>
    Object.entries(tests).every(([key, wanted]) => {
      const given = context[key]
      if (given === undefined) return false
      if (operator === 'StringEquals' || operator === 'Bool') return list(wanted).includes(given)
      if (operator === 'StringLike') return list(wanted).some((pattern) => isLike(pattern, given))
      throw new Error(`the test does not know the condition ${operator}`)
    }),
  )
}

export function list(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value
}

function isLike(pattern: string, text: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`).test(text)
}
