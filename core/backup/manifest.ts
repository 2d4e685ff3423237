/** What a backup says of itself (docs/backup.md). Written last: a folder without a manifest is no backup. */
import { z } from 'zod'
import { MillcourseError } from '../errors.js'

export const manifestName = 'manifest.json'
/** Raised when a reader of this release could not read what is written. */
export const formatVersion = 1

const part = z.object({
  /** Below the backup's folder. Gzip of JSON lines, a row each: an array of texts and nulls in the order of `columns`. */
  path: z.string(),
  rows: z.number().int().min(1),
  /** Of the file as it lies there. */
  bytes: z.number().int(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
})

const table = z.object({
  name: z.string(),
  /** Values are Postgres's own text of the column's type. */
  columns: z.array(z.object({ name: z.string(), type: z.string() })).min(1),
  rows: z.number().int(),
  parts: z.array(part),
})

const manifest = z.object({
  format: z.literal('millcourse-backup'),
  formatVersion: z.literal(formatVersion),
  project: z.string(),
  takenAt: z.string(),
  /** Names of the migrations that had made the schema, in their order. */
  migrations: z.array(z.string()).min(1),
  /** In an order in which they can be filled. */
  tables: z.array(table),
})

export type BackupManifest = z.output<typeof manifest>
export type BackupTable = z.output<typeof table>
export type BackupPart = z.output<typeof part>

/** @throws MillcourseError BACKUP_INVALID saying what is wrong with it */
export function parseManifest(text: string, where: string): BackupManifest {
  const refuse = (why: string, cause?: unknown) =>
    new MillcourseError('BACKUP_INVALID', `${where} is not the manifest of a backup: ${why}`, {
      ...(cause === undefined ? {} : { cause }),
      hint: 'take another backup; this one was changed or belongs to another release',
      facts: { file: where },
    })
  let given: unknown
  try {
    given = JSON.parse(text)
  } catch (error) {
    throw refuse('it is not JSON', error)
  }
  const parsed = manifest.safeParse(given)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw refuse(`${issue!.path.join('.') || 'it'}: ${issue!.message}`)
  }
  const odd = parsed.data.tables.find(({ rows, parts }) => rows !== parts.reduce((sum, one) => sum + one.rows, 0))
  if (odd !== undefined) throw refuse(`the parts of ${odd.name} do not hold its ${odd.rows} rows`)
  return parsed.data
}
