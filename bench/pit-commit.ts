/** What a run of a day commits, by the product's own query: reads the day's source file, writes the committed one. */
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { buildFileTypesQuery, buildIntervalQuery, fileTypesFrom, printCommittedFile } from '../core/compute/index.js'
import type { ViewBundle } from '../core/define/index.js'
import type { QuerySession } from '../core/ports/query-engine.js'
import { parseInstant } from '../core/time/instant.js'
import type { Interval } from '../core/time/interval.js'
import { dayName } from './pit-world.js'

export async function commitDay(
  session: QuerySession,
  bundle: ViewBundle,
  day: number,
  { source, committed }: { readonly source: string; readonly committed: string },
): Promise<Interval> {
  await mkdir(dirname(committed), { recursive: true })
  const fileTypes = fileTypesFrom(await session.all(buildFileTypesQuery([source])))
  const interval = {
    start: parseInstant(`${dayName(day)}T00:00:00Z`),
    end: parseInstant(`${dayName(day + 1)}T00:00:00Z`),
  }
  const query = buildIntervalQuery({ bundle, interval, files: { own: [source], within: [] }, fileTypes })
  for (const statement of query.statements) await session.execute(statement)
  await session.execute(printCommittedFile(query.output, committed))
  for (const statement of query.cleanup) await session.execute(statement)
  return interval
}
