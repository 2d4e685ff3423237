import type { ActivityDeps } from '../../activities/activity-deps.js'
import { inputsOf } from '../../cli/training/prepare-set.js'
import { manifestView, readViewState } from '../../cli/training/set-state.js'
import {
  buildSpineColumnsQuery,
  buildTrainingSet,
  planTrainingSet,
  spineColumnsFrom,
} from '../../core/compute/index.js'
import type { ViewBundle } from '../../core/define/definitions.js'
import type { TrainingMode } from '../../core/training/index.js'

/** A row of the spine: a time in nanoseconds, and a key of one column, `origin`. */
export interface AskedOrigin {
  readonly at: bigint
  readonly origin: string
}

/** As `training-set` does it, without a file: of each row asked for the values of all features, by name. */
export async function trainOnRig(
  { ledger, lake, sources, engine, clock }: ActivityDeps,
  bundle: ViewBundle,
  mode: TrainingMode,
  asked: readonly AskedOrigin[],
): Promise<Record<string, unknown>[]> {
  const at = asked.map((one) => one.at)
  const times = { min: at.reduce((a, b) => (a < b ? a : b)), max: at.reduce((a, b) => (a > b ? a : b)) }
  const names = bundle.view.features.map(({ name }) => name)
  const reads = await readViewState(ledger, bundle, mode, times, clock.realNow())
  const entry = manifestView({ bundle, alias: bundle.view.name, features: names, mapping: {} }, reads, [])
  const file = sources.uri(`spine-${bundle.view.name}-${mode}.parquet`)
  const rows = asked.map(({ at: t, origin }, place) => `(${place}, make_timestamp_ns(${t}), '${origin}')`)
  return await engine.withSession(async (session) => {
    await session.execute({
      sql: `COPY (SELECT * FROM (VALUES ${rows.join(', ')}) v(n, t, origin)) TO '${file}' (FORMAT parquet)`,
    })
    const spine = { file, format: 'parquet' as const, eventTimeColumn: 't' }
    const columns = spineColumnsFrom(spine.format, await session.all(buildSpineColumnsQuery(spine)))
    const plan = planTrainingSet({ spine: { ...spine, columns }, views: [{ bundle, features: names, mapping: {} }] })
    const query = buildTrainingSet({ plan, times, ...inputsOf(lake, mode, { plan, views: [entry] }) })
    for (const statement of [...query.spine, ...query.statements]) await session.execute(statement)
    const units = query.timeUnits === null ? null : (await session.all(query.timeUnits))[0]!
    const found = await session.all({ sql: `SELECT * FROM (${query.output(units)}) ORDER BY n` })
    return found.map((one) =>
      Object.fromEntries(names.map((name) => [name, one[`${bundle.view.name}__${name}`] ?? null])),
    )
  })
}
