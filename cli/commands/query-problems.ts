/** What is wrong with the SQL of a repo's queries: parsed and bound by the engine itself, of no rows. Without queries it is not started. */
import {
  buildDescribeQuery,
  buildParseQuery,
  checkNames,
  checkShape,
  checkTypes,
  type Finding,
  functionKindsFrom,
  functionNames,
  parsedFrom,
  placeOf,
} from '../../core/compute/query-check/index.js'
import type { FeatureRepo, SourceDefinition } from '../../core/define/index.js'
import { isMillcourseError, MillcourseError } from '../../core/errors.js'
import type { QuerySession } from '../../core/ports/query-engine.js'
import type { CliContext } from '../context.js'

/** @param faulty names of sources that have problems of their own: what follows from those is not said again */
export async function queryProblems(
  context: Pick<CliContext, 'engine' | 'signal'>,
  repo: FeatureRepo,
  faulty: ReadonlySet<string>,
): Promise<MillcourseError[]> {
  const queries = repo.sources.filter(({ name, query }) => query !== undefined && !faulty.has(name))
  if (queries.length === 0) return []
  const engine = await context.engine()
  return await engine.withSession(
    async (session) => {
      const functions = functionKindsFrom(await session.all(functionNames))
      const problems: MillcourseError[] = []
      for (const source of queries)
        problems.push(...(await findingsOf(session, source, functions)).map((finding) => toError(source, finding)))
      return problems
    },
    { isLight: true, signal: context.signal },
  )
}

async function findingsOf(
  session: QuerySession,
  source: SourceDefinition,
  functions: ReturnType<typeof functionKindsFrom>,
): Promise<Finding[]> {
  const parsed = parsedFrom((await session.all(buildParseQuery(source.query!.sql)))[0])
  const { findings, select } = checkShape(source, parsed)
  if (select === null || findings.length > 0) return findings
  const named = checkNames(source, select, functions)
  if (named.length > 0) return named
  try {
    return checkTypes(source, select, await session.all(buildDescribeQuery(source)))
  } catch (error) {
    if (!isMillcourseError(error) || !['COMPUTE_FAILED', 'COMPUTE_VALUE_OUT_OF_RANGE'].includes(error.code)) throw error
    const why = error.message.replace(/^.*?(Binder|Catalog|Parser|Conversion) Error: /, '')
    const hint = 'types are those of the declared schemas; CAST(… AS …) makes another of one'
    return [{ code: 'DEFINE_QUERY_REFUSED', message: why, hint, byte: null }]
  }
}

/** `source 'us_flights', line 2, column 8 of its SQL: there is no …`. */
function toError(source: SourceDefinition, { code, message, hint, byte, column }: Finding): MillcourseError {
  const place = byte === null ? null : placeOf(source.query!.sql, byte)
  const where = place === null ? '' : `, line ${place.line}, column ${place.column} of its SQL`
  return new MillcourseError(code, `source '${source.name}'${where}: ${message}`, {
    ...(hint === undefined ? {} : { hint }),
    facts: {
      source: source.name,
      ...(column === undefined ? {} : { column }),
      ...(place === null ? {} : { sql: `${place.line}:${place.column}`, written: place.text.trim() }),
      ...(source.at ? { file: source.at.file, line: source.at.line } : {}),
    },
  })
}
