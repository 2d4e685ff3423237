/** What a training set was made of, beside its file (`<out>.manifest.json`): enough to make the same bytes again, or to say why not. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { z } from 'zod'
import { canonicalJson } from '../define/canonical-json.js'
import { MillcourseError } from '../errors.js'

const bigText = z.string().regex(/^-?\d+$/)
const instant = z.string()

const publishShape = z.object({
  sequence: bigText,
  endAt: instant,
  recordedAt: instant,
  newestCommitId: bigText,
  /** R35: windows that it showed at an older end; null: not at all. */
  held: z.array(z.object({ features: z.array(z.string()), endAt: instant.nullable() })).optional(),
})
const pinnedShape = z.object({
  commitId: bigText,
  start: instant,
  end: instant,
  /** Below the lake's root; null: committed as empty. */
  path: z.string().nullable(),
  rows: z.number(),
  sizeBytes: z.number(),
  etag: z.string().nullable(),
  /** R35: features that it leaves out, and whether for good. */
  held: z.object({ features: z.array(z.string()), isRejected: z.boolean() }).optional(),
})
const compactionShape = z.object({
  id: bigText,
  commitIds: z.array(bigText),
  removedIds: z.array(bigText),
  files: z.array(
    z.object({
      path: z.string(),
      bucket: z.object({ number: z.number(), of: z.number() }),
      sizeBytes: z.number(),
      etag: z.string().nullable(),
    }),
  ),
})
const viewShape = z.object({
  view: z.string(),
  version: z.number(),
  definitionHash: z.string(),
  alias: z.string(),
  features: z.array(z.string()),
  mapping: z.record(z.string(), z.string()),
  reads: z.array(z.object({ publishes: z.array(publishShape), commitIds: z.array(bigText) })),
  files: z.array(pinnedShape),
  /** Read in the place of files of their commits, the newest first. */
  compactions: z.array(compactionShape).optional(),
})
const manifestShape = z.object({
  format: z.literal(1),
  id: z.string(),
  mode: z.enum(['knowable', 'as-served', 'as-published']),
  tool: z.string(),
  project: z.string(),
  asked: z.object({
    spine: z.string(),
    eventTime: z.string(),
    features: z.array(z.string()),
    map: z.array(z.string()),
    /** The spine is what this query gave once; its rows are kept in the file that `spine` names. */
    sql: z.string().optional(),
    /** Whether the query says in which order they come; else it was the engine's. */
    isOrdered: z.boolean().optional(),
    /** Most rows of a part; left out: one file. */
    partRows: z.number().int().positive().optional(),
  }),
  spine: z.object({ format: z.enum(['parquet', 'csv']), sha256: z.string(), sizeBytes: z.number() }),
  views: z.array(viewShape),
  output: z.object({
    file: z.string(),
    rows: z.number(),
    columns: z.array(z.string()),
    sizeBytes: z.number(),
    /** Of all bytes, parts in order; null: written by a version that did not read back what lies in S3. */
    sha256: z.string().nullable(),
    /** In order, where it is a folder of them. */
    parts: z
      .array(z.object({ file: z.string(), rows: z.number(), sizeBytes: z.number(), sha256: z.string() }))
      .optional(),
  }),
  /**
   * Intervals that the spine's times reach and that were not committed, side by side ones of one state together, so many spans at most.
   * No part of the id: which commits are read is. Left out as published, and by versions that did not look.
   */
  gaps: z
    .object({
      /** Of all spans, also of those that are not named. */
      intervals: z.number(),
      spans: z.array(
        z.object({
          view: z.string(),
          version: z.number(),
          start: instant,
          end: instant,
          intervals: z.number(),
          state: z.string(),
        }),
      ),
    })
    .optional(),
  /** Until when retention leaves the files. */
  pinnedUntil: instant,
})

export type TrainingManifest = z.infer<typeof manifestShape>
export type ManifestView = z.infer<typeof viewShape>
export type SetGaps = NonNullable<TrainingManifest['gaps']>
export type PinnedCommit = z.infer<typeof pinnedShape>
export type PinnedCompaction = z.infer<typeof compactionShape>

/** All that decides the bytes: the spine, what was asked of it, definitions, the ledger's state, the mode. sha256, hex. */
export function trainingSetId(
  set: Pick<TrainingManifest, 'mode' | 'spine' | 'views'> & { readonly eventTime: string },
): string {
  const views = set.views.map(({ files: _, compactions: __, ...view }) => view)
  const content = { mode: set.mode, eventTime: set.eventTime, spine: set.spine, views }
  return bytesToHex(sha256(utf8ToBytes(canonicalJson(content))))
}

/** @throws MillcourseError TRAINING_MANIFEST_INVALID */
export function parseManifest(text: string, file: string): TrainingManifest {
  const refuse = (why: string, cause?: unknown): never => {
    throw new MillcourseError('TRAINING_MANIFEST_INVALID', `${file} is no manifest of a training set: ${why}`, {
      ...(cause === undefined ? {} : { cause }),
      hint: 'name the file that was written beside the set: <out>.manifest.json',
      facts: { file },
    })
  }
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch (error) {
    return refuse('it is not JSON', error)
  }
  const parsed = manifestShape.safeParse(read)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    return refuse(`${issue?.path.join('.') || 'it'}: ${issue?.message}`)
  }
  const id = trainingSetId({ ...parsed.data, eventTime: parsed.data.asked.eventTime })
  if (id !== parsed.data.id) return refuse('its id is not that of its content, so it was edited')
  return parsed.data
}

/** Intervals whose committed version, or what was shown of it, is not the one in the manifest; oldest first, `start/end`. */
export function changedIntervals(before: ManifestView, now: ManifestView): string[] {
  const ids = ({ reads }: ManifestView) => reads.map(({ commitIds }) => new Set(commitIds))
  const [then, since] = [ids(before), ids(now)]
  const all = [...before.files, ...now.files]
  const isChanged = ({ commitId }: PinnedCommit) =>
    then.length !== since.length
      ? then.some((one) => one.has(commitId)) !== since.some((one) => one.has(commitId))
      : then.some((one, at) => one.has(commitId) !== since[at]!.has(commitId))
  return [...new Set(all.filter(isChanged).map(({ start, end }) => `${start}/${end}`))].sort()
}
