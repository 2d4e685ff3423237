/** The work: pins what is read, joins each view, writes the output's drafts, and says in a manifest what it was made of. */
import { createHash } from 'node:crypto'
import {
  buildTrainingSet,
  nanosecondFeatures,
  type TrainingPlan,
  type TrainingSetQuery,
} from '../../core/compute/index.js'
import { isMillcourseError, MillcourseError } from '../../core/errors.js'
import type { Lake } from '../../core/ports/lake.js'
import type { QuerySession } from '../../core/ports/query-engine.js'
import { formatInstant } from '../../core/time/instant.js'
import { pathsReadFor, type TrainingManifest } from '../../core/training/index.js'
import type { CliContext } from '../context.js'
import { text } from '../init/partition-layout.js'
import type { AskedSet } from './asked-set.js'
import { coarseFilesOf } from './coarse-tiles.js'
import { namingOutput } from './output-file.js'
import { inputsOf, type PreparedSet } from './prepare-set.js'
import type { QueriedSpine } from './query-spine.js'
import { findFiles } from './set-state.js'
import { digestOf, storedBytes } from './stored-bytes.js'
import { tileConstants } from './tile-constants.js'
import type { TrainingOutput } from './training-output.js'

/** While a set is being made its files stay; one that was not finished keeps them no longer. */
const makingMs = 86_400_000

/**
 * @param queried the spine, where it is a query's result that was kept for this set
 * @throws MillcourseError USAGE (too many parts), TRAINING_FILES_REMOVED, TRAINING_OUT_UNWRITABLE, and what ledger, lake and engine throw
 */
export async function makeSet(
  context: CliContext,
  session: QuerySession,
  asked: AskedSet,
  prepared: PreparedSet,
  output: TrainingOutput,
  keepMs: number,
  queried: QueriedSpine | null,
): Promise<TrainingManifest> {
  // Said before the work: whether so many parts have names.
  output.partName(partCount(prepared.rows, output.partRows) - 1)
  const [ledger, lake] = await Promise.all([context.ledger(), context.lake()])
  const pin = (forMs: number) =>
    ledger.pinTrainingSet({
      setId: prepared.id,
      mode: asked.mode,
      spineDigest: prepared.spine.sha256,
      by: context.actor,
      paths: prepared.views.flatMap(pathsReadFor),
      keepMs: forMs,
    })
  await pin(makingMs)
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
      spine: queried === null ? prepared.plan.spine.file : output.spineCopy.name(prepared.spine.sha256),
      eventTime: asked.eventTime,
      features: [...asked.features],
      map: [...asked.map],
      ...(asked.sql === null ? {} : { sql: asked.sql }),
      ...(queried === null ? {} : { isOrdered: queried.isOrdered }),
      ...(output.partRows === null ? {} : { partRows: output.partRows }),
    },
    spine: prepared.spine,
    views,
    output: { file: output.name, ...written },
    ...(prepared.gaps === null ? {} : { gaps: prepared.gaps }),
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
  const { plan, rows, times } = prepared
  const ledger = await context.ledger()
  const coarse = await Promise.all(
    prepared.views.map((view, index) => coarseFilesOf(ledger, lake, plan.views[index]!.bundle, asked.mode, view)),
  )
  const inputs = inputsOf(lake, asked.mode, prepared)
  const constants = await tileConstants(session, plan, { ...inputs, coarse })
  const query = buildTrainingSet({ plan, times, coarse, constants, isInParts: output.partRows !== null, ...inputs })
  const names = plan.views.map(({ bundle }) => bundle.view.name).join(', ')
  for (const [index, statement] of query.statements.entries()) {
    const step = (done?: number) =>
      context.progress.update(`joining ${names}: step ${index + 1} of ${query.statements.length}`, done)
    step()
    await session.execute(statement, step)
  }
  const units = query.timeUnits === null ? null : ((await session.all(query.timeUnits))[0] ?? null)
  const { partRows } = output
  const written = await namingTimes(nanosecondFeatures(plan, units), () =>
    writeParts(context, session, output, partCount(rows, partRows), (part) =>
      partRows === null
        ? query.output(units)
        : query.output(units, { from: BigInt(part * partRows), below: BigInt((part + 1) * partRows) }),
    ),
  )
  return { columns: columnsOf(plan), ...written }
}

/** @throws MillcourseError COMPUTE_VALUE_OUT_OF_RANGE that names these features: every value fits its type when it is committed: what does not fit here is a time that Parquet has nanoseconds of no more. */
export async function namingTimes<T>(features: readonly string[], work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isMillcourseError(error) || error.code !== 'COMPUTE_VALUE_OUT_OF_RANGE' || features.length === 0) throw error
    const names = features.join(', ')
    throw new MillcourseError(
      error.code,
      `a time of ${names} lies outside of the years 1677 to 2262, beside times between two microseconds: Parquet holds those as nanoseconds, which end there`,
      {
        cause: error,
        hint: 'leave the feature out, or the rows of the spine that see it; infinity is an end of time that fits',
        facts: { features: names },
      },
    )
  }
}

/** Also a set without rows says what its columns are. */
export function partCount(rows: number, partRows: number | null): number {
  return partRows === null ? 1 : Math.max(1, Math.ceil(rows / partRows))
}

type Written = Omit<TrainingManifest['output'], 'file' | 'columns'>

/** What lies there is read back: counted and hashed as whoever trains on it will find it. */
async function writeParts(
  context: CliContext,
  session: QuerySession,
  output: TrainingOutput,
  count: number,
  select: (part: number) => ReturnType<TrainingSetQuery['output']>,
): Promise<Written> {
  const all = createHash('sha256')
  const parts: NonNullable<Written['parts']> = []
  for (let part = 0; part < count; part++) {
    const draft = output.draft(part)
    const step = (what: string) => (done?: number) =>
      context.progress.update(count === 1 ? what : `${what} part ${part + 1} of ${count}`, done)
    const [writing, hashing] = [step('writing'), step('hashing')]
    writing()
    await namingOutput(draft, () =>
      session.execute({ sql: `COPY (${select(part)}) TO ${text(draft)} (FORMAT parquet, COMPRESSION zstd)` }, writing),
    )
    const [counted] = await session.all({ sql: `SELECT count(*) AS rows FROM read_parquet(${text(draft)})` })
    hashing()
    const digest = await digestOf((await storedBytes(context, draft))!, context.signal, [all], hashing)
    parts.push({ file: output.partName(part), rows: Number(counted?.rows), ...digest })
  }
  const sum = (of: (part: (typeof parts)[number]) => number) => parts.reduce((total, part) => total + of(part), 0)
  return {
    rows: sum((part) => part.rows),
    sizeBytes: sum((part) => part.sizeBytes),
    sha256: all.digest('hex'),
    ...(output.partRows === null ? {} : { parts }),
  }
}

export function columnsOf(plan: TrainingPlan): string[] {
  return plan.views.flatMap(({ features }) => features.map(({ output }) => output))
}
