import { readFile } from 'node:fs/promises'
import { MillcourseError } from '../../core/errors.js'
import { parseDuration } from '../../core/time/duration.js'
import { nsPerMs } from '../../core/time/instant.js'
import { parseManifest, type TrainingManifest } from '../../core/training/index.js'
import type { CliContext, Report } from '../context.js'
import { formatBytes, plural } from '../output/words.js'
import { type AskedSet, findManifestViews, findViews } from '../training/asked-set.js'
import { explainSet } from '../training/explain-set.js'
import { makeSet } from '../training/make-set.js'
import { prepareSet, type SetRequest } from '../training/prepare-set.js'
import { findSpine } from './read-spine.js'
import { manifestOf, openOutput } from './training-output.js'

export interface TrainingSetOptions {
  readonly spine?: string
  readonly eventTime?: string
  readonly features?: readonly string[]
  readonly map?: readonly string[]
  /** R30. */
  readonly asServed?: boolean
  readonly asPublished?: boolean
  /** The manifest of a set that is to be made again. */
  readonly rebuild?: string
  readonly pinned?: boolean
  /** How long the files it was made of stay in the lake. */
  readonly keep?: string
  /** What it would read and take, without doing it. */
  readonly explain?: boolean
  /** Left out only beside `explain`. */
  readonly out?: string
  /** Only so is a file replaced that is there. */
  readonly overwrite?: boolean
}

const keptByDefault = '90d'

/** R14, R30: the spine's rows, in its order, and beside them what each view knew at each row's time; the file appears whole or not at all. */
export async function trainingSet(context: CliContext, options: TrainingSetOptions): Promise<Report> {
  const startedMs = context.clock.monotonicMs()
  const before = options.rebuild === undefined ? null : await readManifest(options.rebuild)
  const asked = askedSet(options, before)
  const keepMs = Number(parseDuration(options.keep ?? keptByDefault) / nsPerMs)
  const spine = findSpine(asked.spine)
  const { out } = options
  if (out === undefined && !options.explain)
    throw new MillcourseError('USAGE', '--out is missing', {
      hint: '--out FILE.parquet, or --explain to see what it takes',
    })
  const output = out === undefined ? null : await openOutput(context, { ...options, out }, spine.file)
  const views = before === null ? await findViews(context, asked) : await findManifestViews(context, before)
  const request: SetRequest = { asked, spine, views, before, isPinned: options.pinned ?? false }
  const engine = await context.engine()
  if (output === null || options.explain)
    return engine.withSession(
      async (session) => explainSet(asked, await prepareSet(context, session, request), output?.name ?? null),
      { signal: context.signal },
    )
  try {
    const made = await engine.withSession(
      async (session) => makeSet(context, session, asked, await prepareSet(context, session, request), output, keepMs),
      { signal: context.signal },
    )
    await output.publish(`${JSON.stringify(made, null, 2)}\n`)
    return report(made, before, context.clock.monotonicMs() - startedMs)
  } finally {
    await output.discard()
  }
}

/** @throws MillcourseError USAGE */
function askedSet(options: TrainingSetOptions, before: TrainingManifest | null): AskedSet {
  const refuse = (message: string, hint: string): never => {
    throw new MillcourseError('USAGE', message, { hint })
  }
  if (before !== null) {
    if (options.eventTime ?? options.features ?? options.map ?? options.asServed ?? options.asPublished)
      refuse('--rebuild makes the set as its manifest says', 'leave out all but --spine, --out, --pinned and --keep')
    return { ...before.asked, mode: before.mode, spine: options.spine ?? before.asked.spine }
  }
  if (options.pinned) refuse('--pinned is for --rebuild', '--rebuild FILE.manifest.json --pinned')
  if (options.asServed && options.asPublished)
    refuse('--as-served and --as-published are two sets', 'make one after the other (R30)')
  const { spine, eventTime, features } = options
  if (spine === undefined) return refuse('--spine is missing', '--spine FILE: Parquet or CSV')
  if (eventTime === undefined) return refuse('--event-time is missing', "--event-time COLUMN: the spine's time")
  if (features === undefined) return refuse('--features is missing', '--features VIEW:feature, or service:NAME')
  const mode = options.asServed ? 'as-served' : options.asPublished ? 'as-published' : 'knowable'
  return { spine, eventTime, features, map: options.map ?? [], mode }
}

async function readManifest(file: string): Promise<TrainingManifest> {
  const read = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new MillcourseError('TRAINING_MANIFEST_INVALID', `there is no manifest ${file}`, {
      cause,
      hint: 'name the file that was written beside the set: <out>.manifest.json',
      facts: { file },
    })
  })
  return parseManifest(read, file)
}

function report(made: TrainingManifest, before: TrainingManifest | null, durationMs: number): Report {
  const { file: out, rows, columns, sizeBytes, sha256 } = made.output
  const isSame = before === null || sha256 === null ? null : sha256 === before.output.sha256
  const again =
    isSame === null
      ? ''
      : isSame
        ? '\nthe same bytes as before'
        : `\nthe same set, other bytes: it was written by ${before?.tool}, and now by ${made.tool}`
  const { id, mode, pinnedUntil } = made
  return {
    outcome: 'done',
    data: {
      ...{ id, mode, out, manifest: manifestOf(out), rows, columns, sizeBytes, pinnedUntil },
      ...(isSame === null ? {} : { isSameBytes: isSame }),
      durationMs: Math.round(durationMs),
    },
    text: `${out}: ${plural(rows, 'row')}, ${plural(columns.length, 'feature')}, ${formatBytes(sizeBytes)}, ${(durationMs / 1_000).toFixed(1)} s\nset ${id}, ${mode}; its files stay until ${pinnedUntil.slice(0, 10)}: ${manifestOf(out)}${again}`,
  }
}
