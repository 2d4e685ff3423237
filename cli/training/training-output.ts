/** Where a training set goes: a file or a folder of parts, here or in S3. There whole or not at all, and nothing replaced that nobody said to replace. */
import { MillcourseError } from '../../core/errors.js'

export interface TrainingOutput {
  /** As it was asked for; a folder's ends in `/`. */
  readonly name: string
  /** Most rows of a part; null: it is one file. */
  readonly partRows: number | null
  /** What the engine writes; `part` is 0 for the one file. */
  draft(part: number): string
  /** Under which name a part lies in its folder in the end. */
  partName(part: number): string
  /** For the rows of a spine that is a query's result: named by their hash, so that none ever takes the place of another set's. */
  readonly spineCopy: { name(sha256: string): string; readonly draft: string }
  /**
   * Gives names to what is finished, the spine's copy and the manifest with it: a set that is there has its manifest.
   * @throws MillcourseError USAGE, TRAINING_OUT_UNWRITABLE, LAKE_…
   */
  publish(manifest: string, made: FinishedDrafts): Promise<void>
  /** Whatever is left of the drafts. */
  discard(): Promise<void>
}

export interface FinishedDrafts {
  readonly parts: number
  /** Of the spine's rows that were kept; null: the spine is a file. */
  readonly keptSpine: string | null
}

export interface AskedOutput {
  readonly out: string
  readonly overwrite?: boolean
  readonly partRows: number | null
}

/** Beside the set. */
export function manifestOf(out: string): string {
  return `${out.replace(/\/$/, '')}.manifest.json`
}

/** Beside the set, not in its folder: whoever reads the folder reads the parts. @param sha256 of its bytes */
export function spineCopyOf(out: string, sha256: string): string {
  return `${out.replace(/\/$/, '')}.spine-${sha256.slice(0, 16)}.parquet`
}

/** Of which set the rows would be that have such a name; null: it is another's. */
export function outOfSpineCopy(file: string): string | null {
  return /^(.+)\.spine-[0-9a-f]{16}\.parquet$/.exec(file)?.[1] ?? null
}

/** The kept rows that were written with a set, and so go with it. Null: none. @param manifest null: it has none */
export function spineCopyIn(manifest: string | null, out: string): string | null {
  try {
    const { asked, spine } = JSON.parse(manifest ?? '') as {
      asked: { spine: string; sql?: string }
      spine: { sha256: string }
    }
    return asked.sql !== undefined && asked.spine === spineCopyOf(out, spine.sha256) ? asked.spine : null
  } catch {
    return null
  }
}

const partsMax = 100_000

/** Sorted by name they are in order. @throws MillcourseError USAGE where there would be too many */
export function partName(part: number): string {
  if (part >= partsMax)
    throw new MillcourseError('USAGE', `the set would have more than ${partsMax} parts`, {
      hint: 'let --partition-rows be larger',
    })
  return `part-${String(part).padStart(5, '0')}.parquet`
}

export const isPartName = (name: string): boolean => /^part-\d{5}\.parquet$/.test(name)
