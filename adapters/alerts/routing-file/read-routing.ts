/** The routing as a person writes it, in YAML (or JSON, which is YAML, too): every fault with its line, column and path. */
import { isMap, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml'
import { type Routing, routingSchema, type SecretName } from '../../../core/alert/index.js'
import { MillcourseError } from '../../../core/errors.js'

/** Where a secret is asked for, and by which variable. */
export interface AskedSecret extends SecretName {
  /** `alerts.yaml:4:15: channels.ads.url`. */
  readonly where: string
}

export interface ReadRouting {
  readonly routing: Routing
  readonly secrets: readonly AskedSecret[]
}

const faultsMax = 10

/**
 * @param source for people: `alerts.yaml`, or the variable that holds the text
 * @throws MillcourseError CONFIG_INVALID; values are not repeated, a secret may stand where it should not
 */
export function readRouting(text: string, source: string): ReadRouting {
  const lines = new LineCounter()
  // Without excerpts of the source in its errors.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${source}:${line}:${col}`
  }
  const syntax = document.errors.map(
    ({ pos, code }) => `${at(pos[0])}: not YAML: ${code.toLowerCase().replaceAll('_', ' ')}`,
  )
  if (syntax.length > 0) throw faulty(source, syntax)
  const parsed = routingSchema.safeParse(document.toJS())
  if (!parsed.success)
    throw faulty(
      source,
      parsed.error.issues.flatMap((issue) => {
        const paths = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path]
        const words = issue.code === 'unrecognized_keys' ? 'not known here' : issue.message
        return paths.map((path) => `${at(offsetOf(document, path))}: ${path.join('.') || 'the file'}: ${words}`)
      }),
    )
  const secrets: AskedSecret[] = []
  visit(document, {
    Pair(_key, { key, value }, ancestors) {
      if (!isScalar(key) || key.value !== 'env' || !isScalar(value)) return
      const path = ancestors.flatMap((one) => ('key' in one && isScalar(one.key) ? [String(one.key.value)] : []))
      secrets.push({ env: String(value.value), where: `${at(value.range?.[0] ?? 0)}: ${path.join('.')}` })
    },
  })
  return { routing: parsed.data, secrets }
}

/** The name at fault, or the item of a list; where something is missing, what it is missing in. */
function offsetOf(document: ReturnType<typeof parseDocument>, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const above = document.getIn(path.slice(0, length - 1), true)
    const pair = isMap(above)
      ? above.items.find(({ key }) => isScalar(key) && key.value === path[length - 1])
      : undefined
    const node = pair?.key ?? document.getIn(path.slice(0, length), true)
    if (isNode(node) && node.range) return node.range[0]
  }
  return document.contents?.range?.[0] ?? 0
}

function faulty(source: string, faults: readonly string[]): MillcourseError {
  const told = faults.slice(0, faultsMax)
  const more = faults.length > told.length ? `; and ${faults.length - told.length} more` : ''
  return new MillcourseError(
    'CONFIG_INVALID',
    `the routes of alerts are not as they have to be: ${told.join('; ')}${more}`,
    {
      hint: 'docs/incidents.md says how they are written',
      facts: { file: source, faults: faults.length },
    },
  )
}
