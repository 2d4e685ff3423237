import { buildTrainingSet, checkSpineRows, planTrainingSet, type TrainingPlan } from '../../core/compute/index.js'
import type { ViewBundle } from '../../core/define/definitions.js'
import type { QuerySession } from '../../core/ports/query-engine.js'
import { parseInstant } from '../../core/time/instant.js'
import type { CliContext, Report } from '../context.js'
import { text } from '../init/partition-layout.js'
import { formatBytes, plural } from '../output/words.js'
import { type AskedView, parseAskedViews } from './asked-views.js'
import { namingOutput } from './output-file.js'
import { findSpine, namingSpine, readSpineColumns } from './read-spine.js'
import { openOutput } from './training-output.js'

export interface TrainingSetOptions {
  readonly spine: string
  readonly eventTime: string
  readonly features: readonly string[]
  readonly map?: readonly string[]
  readonly out: string
  /** Only so is a file replaced that is there. */
  readonly overwrite?: boolean
}

/** R14: the spine's rows, in its order, and beside them what each view knew at each row's time; the file appears whole or not at all. */
export async function trainingSet(context: CliContext, options: TrainingSetOptions): Promise<Report> {
  const startedMs = context.clock.monotonicMs()
  const spine = findSpine(options.spine)
  const output = await openOutput(context, options, spine.file)
  const asked = await findViews(context, parseAskedViews(options.features, options.map ?? []))
  const engine = await context.engine()
  try {
    const { rows, columns } = await engine.withSession(
      async (session) => {
        context.progress.update('reading the spine')
        const read = await namingSpine(spine, () => readSpineColumns(session, spine))
        const plan = await namingSpine(spine, async () =>
          planTrainingSet({
            spine: { ...spine, ...read, eventTimeColumn: options.eventTime },
            views: asked.map(({ bundle, asked: { alias, features, mapping } }) => ({
              bundle,
              features: features === 'all' ? bundle.view.features.map(({ name }) => name) : features,
              mapping,
              ...(alias === bundle.view.name ? {} : { as: alias }),
            })),
          }),
        )
        return write(context, session, plan, await committedFiles(context, asked), output.draft)
      },
      { signal: context.signal },
    )
    await output.publish()
    const out = output.name
    const size = formatBytes(await output.sizeBytes())
    const seconds = (context.clock.monotonicMs() - startedMs) / 1_000
    return {
      outcome: 'done',
      data: { out, rows, columns, durationMs: Math.round(seconds * 1_000) },
      text: `${out}: ${plural(rows, 'row')}, ${plural(columns.length, 'feature')}, ${size}, ${seconds.toFixed(1)} s`,
    }
  } finally {
    await output.discard()
  }
}

interface FoundView {
  readonly bundle: ViewBundle
  readonly asked: AskedView
}

async function findViews(context: CliContext, asked: readonly AskedView[]): Promise<FoundView[]> {
  const registry = await context.registry()
  return Promise.all(asked.map(async (one) => ({ asked: one, bundle: await registry.view(one.view) })))
}

/** For each view, what its ledger has committed up to now: nothing else is its state. */
async function committedFiles(context: CliContext, views: readonly FoundView[]): Promise<string[][]> {
  const [ledger, lake] = await Promise.all([context.ledger(), context.lake()])
  return Promise.all(
    views.map(async ({ bundle: { view } }) => {
      const range = { start: parseInstant(view.since), end: context.clock.now() }
      if (range.start >= range.end) return []
      const commits = await ledger.currentCommits({ view: view.name, version: view.version }, range)
      return commits.flatMap(({ data }) => (data === null ? [] : [lake.uri(data.path)]))
    }),
  )
}

async function write(
  context: CliContext,
  session: QuerySession,
  plan: TrainingPlan,
  files: readonly (readonly string[])[],
  draft: string,
): Promise<{ rows: number; columns: string[] }> {
  const query = buildTrainingSet({ plan, files })
  await namingSpine(plan.spine, async () => {
    for (const statement of query.spine) await session.execute(statement)
  })
  checkSpineRows(await session.all(query.problems))
  for (const [index, statement] of query.statements.entries()) {
    context.progress.update(
      `joining ${plan.views.map(({ bundle }) => bundle.view.name).join(', ')}: step ${index + 1} of ${query.statements.length}`,
    )
    await session.execute(statement)
  }
  const units = query.timeUnits === null ? null : ((await session.all(query.timeUnits))[0] ?? null)
  context.progress.update('writing')
  await namingOutput(draft, () =>
    session.execute({ sql: `COPY (${query.output(units)}) TO ${text(draft)} (FORMAT parquet, COMPRESSION zstd)` }),
  )
  const [counted] = await session.all({ sql: `SELECT count(*) AS rows FROM read_parquet(${text(draft)})` })
  return {
    rows: Number(counted?.rows),
    columns: plan.views.flatMap(({ features }) => features.map(({ output }) => output)),
  }
}
