/**
 * What is wrong with the SQL of a repo's queries, and of its views' own checks: parsed and bound by the engine itself, of no rows. Without
 * any it is not started.
 */
import {
  buildDescribeQuery,
  buildOwnDescribeQuery,
  buildParseQuery,
  checkNames,
  checkOwn,
  checkShape,
  checkTypes,
  type Finding,
  functionKindsFrom,
  functionNames,
  parsedFrom,
  placeOf,
} from '../../core/compute/query-check/index.js'
import type { FeatureRepo, FeatureViewDefinition, SourceDefinition } from '../../core/define/index.js'
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
  const checks = repo.views.flatMap((view) => ownChecks(repo, view, faulty))
  if (queries.length === 0 && checks.length === 0) return []
  const engine = await context.engine()
  return await engine.withSession(
    async (session) => {
      const functions = functionKindsFrom(await session.all(functionNames))
      const problems: MillcourseError[] = []
      for (const source of queries)
        problems.push(...(await findingsOf(session, source, functions)).map((finding) => toError(source, finding)))
      for (const check of checks)
        problems.push(
          ...(await ownFindings(session, check, functions)).map((finding) =>
            placed(`view '${check.view.name}', check '${check.name}'`, check.sql, finding, {
              ...{ view: check.view.name, check: check.name },
              ...(check.view.at ? { file: check.view.at.file, line: check.view.at.line } : {}),
            }),
          ),
        )
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
  return await bound(async () => checkTypes(source, select, await session.all(buildDescribeQuery(source))))
}

interface OwnCheckOf {
  readonly view: FeatureViewDefinition
  readonly source: SourceDefinition
  readonly name: string
  readonly sql: string
}

function ownChecks(repo: FeatureRepo, view: FeatureViewDefinition, faulty: ReadonlySet<string>): OwnCheckOf[] {
  const source = repo.sources.find(({ name }) => name === view.source)
  if (!source || faulty.has(source.name)) return []
  return Object.entries(view.checks.own ?? {}).map(([name, { sql }]) => ({ view, source, name, sql }))
}

async function ownFindings(
  session: QuerySession,
  { source, sql }: OwnCheckOf,
  functions: ReturnType<typeof functionKindsFrom>,
): Promise<Finding[]> {
  const findings = checkOwn(source, sql, parsedFrom((await session.all(buildParseQuery(sql)))[0]), functions)
  if (findings.length > 0) return findings
  return await bound(async () => {
    await session.all(buildOwnDescribeQuery(source, sql))
    return []
  })
}

/** What the engine's binder has against it is a finding. */
async function bound(ask: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await ask()
  } catch (error) {
    if (!isMillcourseError(error) || !['COMPUTE_FAILED', 'COMPUTE_VALUE_OUT_OF_RANGE'].includes(error.code)) throw error
    const why = error.message.replace(/^.*?(Binder|Catalog|Parser|Conversion) Error: /, '')
    const hint = 'types are those of the declared schemas; CAST(… AS …) makes another of one'
    return [{ code: 'DEFINE_QUERY_REFUSED', message: why, hint, byte: null }]
  }
}

/** `source 'us_flights', line 2, column 8 of its SQL: there is no …`. */
function toError(source: SourceDefinition, finding: Finding): MillcourseError {
  return placed(`source '${source.name}'`, source.query!.sql, finding, {
    source: source.name,
    ...(source.at ? { file: source.at.file, line: source.at.line } : {}),
  })
}

function placed(
  who: string,
  sql: string,
  { code, message, hint, byte, column }: Finding,
  facts: Readonly<Record<string, string | number>>,
): MillcourseError {
  const place = byte === null ? null : placeOf(sql, byte)
  const where = place === null ? '' : `, line ${place.line}, column ${place.column} of its SQL`
  return new MillcourseError(code, `${who}${where}: ${message}`, {
    ...(hint === undefined ? {} : { hint }),
    facts: {
      ...facts,
      ...(column === undefined ? {} : { column }),
      ...(place === null ? {} : { sql: `${place.line}:${place.column}`, written: place.text.trim() }),
    },
  })
}
