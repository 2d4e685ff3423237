/** An error as a person reads it on stderr, and as one JSON object. */
import { isMillcourseError, MillcourseError } from '../../core/errors.js'

/**
 *   SOURCE_SCHEMA_CHANGED: column "amount" was DOUBLE, is VARCHAR
 *     file: s3://lake/part-7.parquet
 *     because: …
 *     what to do: …
 */
export function errorText(error: unknown): string {
  if (!isMillcourseError(error)) return unexpectedText(error)
  const facts = Object.entries(error.detail.facts ?? {}).map(([name, value]) => `  ${name}: ${value}`)
  const problems = problemsOf(error)
  if (problems.length > 0) return problems.map(errorText).join('\n')
  const causes = causeChain(error).map((cause) => `  because: ${cause}`)
  const hint = error.detail.hint === undefined ? [] : [`  what to do: ${error.detail.hint}`]
  return [`${error.code}: ${error.message}`, ...facts, ...causes, ...hint].join('\n')
}

export function errorJson(error: unknown): object {
  const known = isMillcourseError(error) ? error : null
  const problems = problemsOf(error).map(problemJson)
  return {
    error: {
      code: known?.code ?? 'INTERNAL',
      message: error instanceof Error ? error.message : String(error),
      hint: known?.detail.hint ?? null,
      facts: known?.detail.facts ?? {},
      causes: problems.length > 0 ? [] : causeChain(error),
      retry: known?.policy.retry ?? 'after-fix',
      ...(problems.length > 0 ? { problems } : {}),
    },
  }
}

export function problemJson({ code, message, detail }: MillcourseError): object {
  return { code, message, hint: detail.hint ?? null, facts: detail.facts ?? {} }
}

/** Several problems as one error, each of which is to be read. */
export function problemsError(problems: readonly MillcourseError[], what: string): MillcourseError {
  const [first] = problems
  if (first && problems.length === 1) return first
  return new MillcourseError(first?.code ?? 'INTERNAL', `${problems.length} problems in ${what}`, {
    cause: new AggregateError(problems),
    facts: { problems: problems.length },
  })
}

function problemsOf(error: unknown): MillcourseError[] {
  const cause = causeOf(error)
  return cause instanceof AggregateError ? cause.errors.filter(isMillcourseError) : []
}

function unexpectedText(error: unknown): string {
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return `INTERNAL: unexpected ${trace}\n  what to do: this is a mistake of millcourse itself; report it with the lines above`
}

/** The messages below the error, outermost first, each once: wrappers like to repeat what they wrap. */
function causeChain(error: unknown): string[] {
  const messages: string[] = []
  let said = error instanceof Error ? error.message : ''
  for (let at = causeOf(error); at !== undefined && messages.length < 10; at = causeOf(at)) {
    const message = messageOf(at)
    if (message !== '' && !said.includes(message)) messages.push(message)
    said = message
  }
  return messages
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? (error.cause ?? undefined) : undefined
}

/** Node's connection errors carry their words in `errors`, with an empty message. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ')
  if (isMillcourseError(error)) return `${error.code}: ${error.message}`
  return error instanceof Error ? error.message : String(error)
}
