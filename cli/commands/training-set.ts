import { MillcourseError } from '../../core/errors.js'
import { nsPerMs } from '../../core/time/instant.js'
import { parseManifest, type TrainingManifest } from '../../core/training/index.js'
import type { CliContext, Report } from '../context.js'
import { formatBytes, plural } from '../output/words.js'
import { type AskedSet, findManifestViews, findViews } from '../training/asked-set.js'
import { explainSet } from '../training/explain-set.js'
import { gapText } from '../training/gap-text.js'
import { makeSet } from '../training/make-set.js'
import { openOutput } from '../training/open-output.js'
import { prepareSet } from '../training/prepare-set.js'
import { readQuerySpine, spineQuery } from '../training/query-spine.js'
import { findSpine, type SpineFile } from '../training/read-spine.js'
import { storedBytes, whyNotRead } from '../training/stored-bytes.js'
import { manifestOf } from '../training/training-output.js'
import { durationOption } from './duration-option.js'

export interface TrainingSetOptions {
  readonly spine?: string
  /** A query, or the name of a .sql file, instead. */
  readonly spineSql?: string
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
  /** Left out only beside `explain`. What ends in `/` is a folder of parts. */
  readonly out?: string
  /** Most rows of a part. */
  readonly partitionRows?: number
  /** Only so is a file replaced that is there. */
  readonly overwrite?: boolean
}

const keptByDefault = '90d'
/** For ever, and a time that the ledger can still write down. */
const keptLongest = '36500d'

/** R14, R30: the spine's rows, in its order, and beside them what each view knew at each row's time; the file appears whole or not at all. */
export async function trainingSet(context: CliContext, options: TrainingSetOptions): Promise<Report> {
  const startedMs = context.clock.monotonicMs()
  const before = options.rebuild === undefined ? null : await readManifest(context, options.rebuild)
  const asked = await askedSet(options, before)
  // Before the work: the set that it is refused for would be lost.
  const keepNs = durationOption('keep', options.keep ?? keptByDefault, {
    longest: keptLongest,
    hint: `write it as ${keptByDefault}, at most ${keptLongest}`,
  })
  const keepMs = Number(keepNs / nsPerMs)
  const file = await spineFile(context, options, asked, before)
  const { out } = options
  if (out === undefined && !options.explain)
    throw new MillcourseError('USAGE', '--out is missing', {
      hint: '--out FILE.parquet or --out FOLDER/, or --explain to see what it takes',
    })
  const partitionRows = options.partitionRows ?? (out?.endsWith('/') ? before?.asked.partRows : undefined)
  const output =
    out === undefined
      ? null
      : await openOutput(
          context,
          { ...options, out, ...(partitionRows === undefined ? {} : { partitionRows }) },
          file?.file ?? null,
        )
  try {
    const views = before === null ? await findViews(context, asked) : await findManifestViews(context, before)
    const engine = await context.engine()
    const isMade = output !== null && !options.explain
    const made = await engine.withSession(
      async (session) => {
        const to = isMade ? output.spineCopy.draft : null
        const queried = file === null ? await readQuerySpine(context, session, asked.sql!, to) : null
        const request = { asked, spine: file ?? queried!, views, before, isPinned: options.pinned ?? false }
        const prepared = await prepareSet(context, session, request)
        return isMade
          ? await makeSet(context, session, asked, prepared, output, keepMs, queried)
          : explainSet(asked, prepared, output)
      },
      { signal: context.signal },
    )
    if (!isMade || 'outcome' in made) return made as Report
    const parts = made.output.parts?.length ?? 1
    const keptSpine = file === null ? made.spine.sha256 : null
    await output.publish(`${JSON.stringify(made, null, 2)}\n`, { parts, keptSpine })
    return report(made, before, context.clock.monotonicMs() - startedMs)
  } finally {
    await output?.discard()
  }
}

/** Null: its rows are still to be asked for. @throws MillcourseError TRAINING_SPINE_INVALID, LAKE_… */
async function spineFile(
  context: CliContext,
  options: TrainingSetOptions,
  asked: AskedSet,
  before: TrainingManifest | null,
): Promise<SpineFile | null> {
  if (asked.spine === null) return null
  // The rows that were kept are the set's, whatever the query would give now. Without them it is asked again, and its hash tells.
  const isKept = before?.asked.sql !== undefined && options.spine === undefined
  if (isKept && (await storedBytes(context, asked.spine)) === null) return null
  return await findSpine(context, asked.spine)
}

/** @throws MillcourseError USAGE */
async function askedSet(options: TrainingSetOptions, before: TrainingManifest | null): Promise<AskedSet> {
  const refuse = (message: string, hint: string): never => {
    throw new MillcourseError('USAGE', message, { hint })
  }
  if (before !== null) {
    if (
      options.eventTime ??
      options.features ??
      options.map ??
      options.asServed ??
      options.asPublished ??
      options.spineSql
    )
      refuse(
        '--rebuild makes the set as its manifest says',
        'leave out all but --spine, --out, --overwrite, --partition-rows, --pinned, --keep and --explain',
      )
    const { sql = null, ...rest } = before.asked
    return { ...rest, sql, mode: before.mode, spine: options.spine ?? before.asked.spine }
  }
  if (options.pinned) refuse('--pinned is for --rebuild', '--rebuild FILE.manifest.json --pinned')
  if (options.asServed && options.asPublished)
    refuse('--as-served and --as-published are two sets', 'make one after the other (R30)')
  const { spine = null, spineSql, eventTime, features } = options
  if (spine !== null && spineSql !== undefined)
    refuse(
      '--spine and --spine-sql are two spines',
      'the query can read the file: --spine-sql "SELECT … FROM \'FILE\'"',
    )
  if (spine === null && spineSql === undefined)
    refuse('--spine is missing', '--spine FILE: Parquet or CSV; or --spine-sql "SELECT …"')
  const sql = spineSql === undefined ? null : await spineQuery(spineSql)
  if (eventTime === undefined) return refuse('--event-time is missing', "--event-time COLUMN: the spine's time")
  if (features === undefined) return refuse('--features is missing', '--features VIEW:feature, or service:NAME')
  const mode = options.asServed ? 'as-served' : options.asPublished ? 'as-published' : 'knowable'
  return { spine, sql, eventTime, features, map: options.map ?? [], mode }
}

/** @throws MillcourseError TRAINING_MANIFEST_INVALID, LAKE_… */
async function readManifest(context: CliContext, file: string): Promise<TrainingManifest> {
  const why = await whyNotRead(file)
  const bytes = why === null ? await storedBytes(context, file) : null
  if (bytes === null)
    throw new MillcourseError(
      'TRAINING_MANIFEST_INVALID',
      why === null ? `there is no manifest ${file}` : `${file} ${why}`,
      {
        hint: 'name the file that was written beside the set: <out>.manifest.json',
        facts: { file },
      },
    )
  // Whoever names the set, and not its manifest, names a file that may be larger than memory.
  const isObject = bytes.sizeBytes > 0 && (await bytes.read(0, 1))[0] === '{'.charCodeAt(0)
  const read = isObject ? new TextDecoder().decode(await bytes.read(0, bytes.sizeBytes)) : ''
  const manifest = parseManifest(read, file)
  if (manifest.project === context.project) return manifest
  throw new MillcourseError(
    'TRAINING_MANIFEST_INVALID',
    `${file} is of project "${manifest.project}", and this is "${context.project}"`,
    {
      hint: 'a set is made again where it was made: name its project and its stores in the environment (MILLCOURSE_PROJECT, …)',
      facts: { file, project: manifest.project },
    },
  )
}

function report(made: TrainingManifest, before: TrainingManifest | null, durationMs: number): Report {
  const { file: out, rows, columns, sizeBytes, sha256, parts } = made.output
  // Of one file and of parts, or of other parts, the bytes never are the same.
  const isComparable = before !== null && before.output.sha256 !== null && before.asked.partRows === made.asked.partRows
  const isSame = isComparable ? sha256 === before.output.sha256 : null
  const again =
    isSame === null
      ? ''
      : isSame
        ? '\nthe same bytes as before'
        : `\nthe same set, other bytes: it was written by ${before?.tool}, and now by ${made.tool}`
  const { id, mode, pinnedUntil } = made
  const kept = made.asked.isOrdered === undefined ? null : { spine: made.asked.spine, isOrdered: made.asked.isOrdered }
  const order =
    kept === null
      ? ''
      : `\nthe spine's rows are kept in ${kept.spine}${kept.isOrdered ? '' : ', in the order of the engine: the query has no ORDER BY'}`
  const lacking = gapText(made.gaps)
    .map((line) => `\n${line}`)
    .join('')
  return {
    outcome: 'done',
    data: {
      ...{ id, mode, out, manifest: manifestOf(out), rows, columns, sizeBytes, sha256, pinnedUntil },
      ...(parts === undefined ? {} : { parts }),
      ...(kept === null ? {} : { spineKept: kept.spine, isOrdered: kept.isOrdered }),
      ...(isSame === null ? {} : { isSameBytes: isSame }),
      ...(made.gaps === undefined ? {} : { gaps: made.gaps }),
      durationMs: Math.round(durationMs),
    },
    text: `${out}: ${parts === undefined ? '' : `${plural(parts.length, 'part')}, `}${plural(rows, 'row')}, ${plural(columns.length, 'feature')}, ${formatBytes(sizeBytes)}, ${(durationMs / 1_000).toFixed(1)} s\nset ${id}, ${mode}; its files stay until ${pinnedUntil.slice(0, 10)}: ${manifestOf(out)}${order}${again}${lacking}`,
  }
}
