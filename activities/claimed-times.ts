/**
 * Footers decide which intervals read a file (R27). One whose claim of event times leaves out rows would hide these from the interval
 * they belong to: a run that meets such rows says so, and nothing is lost quietly.
 */
import {
  buildIntervalQuery,
  type DimensionFiles,
  type FileTypes,
  type IntervalQuery,
  timesFrom,
} from '../core/compute/index.js'
import type { ViewBundle } from '../core/define/definitions.js'
import { assert, MillcourseError } from '../core/errors.js'
import type { FilesByRole } from '../core/plan/index.js'
import type { IndexedFile } from '../core/ports/ledger.js'
import type { QuerySession } from '../core/ports/query-engine.js'
import { indexName, rowSource } from '../core/source/index.js'
import { formatInstant, type Instant } from '../core/time/instant.js'
import type { ActivityDeps } from './activity-deps.js'

/** Claims of nanoseconds are told in microseconds. */
const slackNs = 999n

interface Times {
  readonly first: Instant
  readonly last: Instant
}

/**
 * Compares what was read with what all own files together claim, and only where it goes beyond looks at each of them.
 * @throws MillcourseError SOURCE_FILE_CORRUPT naming the file, its claim, and what it holds
 */
export async function checkClaimedTimes(
  deps: Pick<ActivityDeps, 'ledger'>,
  session: QuerySession,
  bundle: ViewBundle,
  query: IntervalQuery,
  { own, dimensions }: FilesByRole,
  types: readonly FileTypes[],
): Promise<void> {
  const claims = (await deps.ledger.indexedFilesByUri(indexName(rowSource(bundle.source)), own)).flatMap(claimOf)
  const found = await readTimes(session, query)
  if (found === null || claims.length === 0) return
  const isFirstClaimed = claims.some(({ first }) => first <= found.first)
  if (isFirstClaimed && claims.some(({ last }) => found.last <= last)) return
  for (const claim of claims) {
    const held = await timesOfFile(session, bundle, { own: claim.uri, dimensions }, types)
    if (held === null || (claim.first <= held.first && held.last <= claim.last)) continue
    throw new MillcourseError(
      'SOURCE_FILE_CORRUPT',
      `${claim.uri} claims in its footer that "${bundle.source.eventTime}" is ${shown(withoutSlack(claim))}, but holds ${shown(held)}`,
      {
        hint: 'rows beyond the claim would be missed by their own intervals: let the producer write the file again, with true statistics or none',
        facts: { source: rowSource(bundle.source).name, file: claim.uri, column: bundle.source.eventTime },
      },
    )
  }
}

function claimOf({ uri, eventMin, eventMax }: IndexedFile): (Times & { readonly uri: string })[] {
  return eventMin === null || eventMax === null ? [] : [{ uri, first: eventMin - slackNs, last: eventMax + slackNs }]
}

async function readTimes(session: QuerySession, query: IntervalQuery): Promise<Times | null> {
  const [row] = await session.all(query.times)
  assert(row, 'the times of an interval are one row')
  return timesFrom(row)
}

/** The file alone, read the way the interval was. */
async function timesOfFile(
  session: QuerySession,
  bundle: ViewBundle,
  { own, dimensions }: { readonly own: string; readonly dimensions: DimensionFiles },
  types: readonly FileTypes[],
): Promise<Times | null> {
  const query = buildIntervalQuery({
    bundle,
    interval: { start: 0n, end: 0n },
    files: { own: [own], within: [], dimensions },
    fileTypes: types.filter(
      ({ file }) => file === own || Object.values(dimensions).some((uris) => uris.includes(file)),
    ),
    prefix: '__claimed',
  })
  for (const statement of query.statements) await session.execute(statement)
  const times = await readTimes(session, query)
  for (const statement of query.cleanup) await session.execute(statement)
  return times
}

function withoutSlack({ first, last }: Times): Times {
  return { first: first + slackNs, last: last - slackNs }
}

function shown({ first, last }: Times): string {
  return first === last ? formatInstant(first) : `${formatInstant(first)} to ${formatInstant(last)}`
}
