import { buildOwnCheck, keptAsSeen, ownAnswerFrom } from '../core/compute/index.js'
import type { ViewBundle } from '../core/define/definitions.js'
import { isMillcourseError } from '../core/errors.js'
import type { OwnAnswer } from '../core/judge/index.js'
import type { QuerySession } from '../core/ports/query-engine.js'

/** Answers of the view's own checks; what an SQL cannot answer (a text that is no number) is an answer, too, and no fault of the run. */
export async function askOwnChecks(
  session: QuerySession,
  { view, source }: ViewBundle,
  kept: string,
): Promise<{ readonly own?: Readonly<Record<string, OwnAnswer>> }> {
  const checks = Object.entries(view.checks.own ?? {})
  if (checks.length === 0) return {}
  const answers: [string, OwnAnswer][] = []
  for (const [name, { sql }] of checks)
    answers.push([name, await answerOf(session, buildOwnCheck(keptAsSeen(source, kept), sql))])
  return { own: Object.fromEntries(answers) }
}

async function answerOf(session: QuerySession, query: ReturnType<typeof buildOwnCheck>): Promise<OwnAnswer> {
  try {
    return ownAnswerFrom((await session.all(query))[0]!)
  } catch (error) {
    if (!isMillcourseError(error) || !['COMPUTE_FAILED', 'COMPUTE_VALUE_OUT_OF_RANGE'].includes(error.code)) throw error
    return { rows: null, why: error.message }
  }
}
