/** The work: pins what is read, joins each view, writes the output's draft, and says in a manifest what it was made of. */
import { buildTrainingSet, type TrainingPlan } from '../../core/compute/index.js'
import type { Lake } from '../../core/ports/lake.js'
import type { QuerySession } from '../../core/ports/query-engine.js'
import { formatInstant } from '../../core/time/instant.js'
import type { TrainingManifest } from '../../core/training/index.js'
import { namingOutput } from '../commands/output-file.js'
import type { TrainingOutput } from '../commands/training-output.js'
import type { CliContext } from '../context.js'
import { text } from '../init/partition-layout.js'
import type { AskedSet } from './asked-set.js'
import { fileDigest } from './file-digest.js'
import { inputsOf, type PreparedSet } from './prepare-set.js'
import { findFiles } from './set-state.js'

/** While a set is being made its files stay; one that was not finished keeps them no longer. */
const makingMs = 86_400_000

/** @throws MillcourseError TRAINING_FILES_REMOVED, TRAINING_OUT_UNWRITABLE, and what ledger, lake and engine throw */
export async function makeSet(
  context: CliContext,
  session: QuerySession,
  asked: AskedSet,
  prepared: PreparedSet,
  output: TrainingOutput,
  keepMs: number,
): Promise<TrainingManifest> {
  const [ledger, lake] = await Promise.all([context.ledger(), context.lake()])
  const pin = (forMs: number) =>
    ledger.pinTrainingSet({
      setId: prepared.id,
      mode: asked.mode,
      spineDigest: prepared.spine.sha256,
      by: context.actor,
      paths: prepared.views.flatMap(({ files }) => files.flatMap(({ path }) => path ?? [])),
      keepMs: forMs,
    })
  await pin(Math.min(makingMs, keepMs))
  context.progress.update('looking for the files')
  const views = []
  for (const view of prepared.views) views.push(await findFiles(lake, view))
  const written = await write(context, session, asked, { ...prepared, views }, output, lake)
  return {
    format: 1,
    id: prepared.id,
    mode: asked.mode,
    tool: `millcourse ${context.version}`,
    project: context.project,
    asked: {
      spine: prepared.plan.spine.file,
      eventTime: asked.eventTime,
      features: [...asked.features],
      map: [...asked.map],
    },
    spine: prepared.spine,
    views,
    output: { file: output.name, ...written },
    pinnedUntil: formatInstant(await pin(keepMs)),
  }
}

async function write(
  context: CliContext,
  session: QuerySession,
  asked: AskedSet,
  prepared: PreparedSet,
  output: TrainingOutput,
  lake: Lake,
): Promise<Omit<TrainingManifest['output'], 'file'>> {
  const { plan } = prepared
  const query = buildTrainingSet({ plan, ...inputsOf(lake, asked.mode, prepared) })
  for (const [index, statement] of query.statements.entries()) {
    context.progress.update(
      `joining ${plan.views.map(({ bundle }) => bundle.view.name).join(', ')}: step ${index + 1} of ${query.statements.length}`,
    )
    await session.execute(statement)
  }
  const units = query.timeUnits === null ? null : ((await session.all(query.timeUnits))[0] ?? null)
  context.progress.update('writing')
  await namingOutput(output.draft, () =>
    session.execute({
      sql: `COPY (${query.output(units)}) TO ${text(output.draft)} (FORMAT parquet, COMPRESSION zstd)`,
    }),
  )
  const [counted] = await session.all({ sql: `SELECT count(*) AS rows FROM read_parquet(${text(output.draft)})` })
  const isHere = !output.draft.startsWith('s3://')
  const digest = isHere ? await fileDigest(output.draft, context.signal) : null
  return {
    rows: Number(counted?.rows),
    columns: columnsOf(plan),
    sizeBytes: digest?.sizeBytes ?? (await output.draftBytes()),
    sha256: digest?.sha256 ?? null,
  }
}

export function columnsOf(plan: TrainingPlan): string[] {
  return plan.views.flatMap(({ features }) => features.map(({ output }) => output))
}
