import { tileConstants } from '../../cli/training/tile-constants.js'
import {
  buildSpineColumnsQuery,
  buildTrainingSet,
  type CoarseFile,
  type CommittedFile,
  checkSpineRows,
  type HeldFeaturesRead,
  planTrainingSet,
  type Served,
  spineColumnsFrom,
  spineTimesFrom,
  type TrainingViewRequest,
} from '../../core/compute/index.js'
import type { EngineRow, QuerySession } from '../../core/ports/query-engine.js'
import type { Bench } from './generated-history.js'

/** As a caller does it, step by step; the written file's rows in its order. */
export async function askTrainingSet(
  bench: Bench,
  session: QuerySession,
  spine: { file: string; format: 'parquet' | 'csv'; eventTimeColumn: string },
  views: readonly (TrainingViewRequest & {
    readonly files: readonly CommittedFile[]
    readonly served?: Served
    readonly coarse?: readonly CoarseFile[]
    readonly held?: readonly HeldFeaturesRead[]
  })[],
): Promise<EngineRow[]> {
  const columns = spineColumnsFrom(spine.format, await session.all(buildSpineColumnsQuery(spine)))
  const plan = planTrainingSet({ spine: { ...spine, columns }, views })
  const before = buildTrainingSet({ plan, files: [] })
  for (const statement of before.spine) await session.execute(statement)
  checkSpineRows(await session.all(before.problems))
  const { times } = spineTimesFrom(await session.all(before.times))
  const read = {
    files: views.map((view) => view.files),
    coarse: views.map((view) => view.coarse ?? []),
    held: views.map((view) => view.held ?? []),
  }
  const constants = await tileConstants(session, plan, read)
  const query = buildTrainingSet({ plan, ...read, constants, served: views.map((view) => view.served ?? null), times })
  for (const statement of query.statements) await session.execute(statement)
  const units = query.timeUnits === null ? null : (await session.all(query.timeUnits))[0]!
  const file = await bench.write(session, query.output(units))
  return session.all({
    sql: `SELECT * EXCLUDE (file_row_number) FROM read_parquet('${file}', file_row_number = true) ORDER BY file_row_number`,
  })
}
