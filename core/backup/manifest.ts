/** What a backup says of itself (docs/backup.md). Written last: a folder without a manifest is no backup. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
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

/** Newer releases may have changed everything else. */
const versionOnly = z.object({ format: z.literal('millcourse-backup'), formatVersion: z.number().int() })

export type BackupManifest = z.output<typeof manifest>
export type BackupTable = z.output<typeof table>
export type BackupPart = z.output<typeof part>

/** With its own checksum: a table or a part that is missing from it is missed nowhere else. */
export function sealManifest(unsealed: BackupManifest): string {
  return `${JSON.stringify({ ...unsealed, sha256: checksum(unsealed) }, null, 2)}\n`
}

/** @throws MillcourseError BACKUP_INVALID saying what is wrong with it, LEDGER_SCHEMA_OUTDATED where a newer release wrote it */
export function parseManifest(text: string, where: string): BackupManifest {
  const refuse = (why: string, cause?: unknown) =>
    new MillcourseError('BACKUP_INVALID', `${where} is not the manifest of a backup: ${why}`, {
      ...(cause === undefined ? {} : { cause }),
      hint: 'nothing was changed; restore an older backup, or get this file back from its bucket’s older versions',
      facts: { file: where },
    })
  let given: unknown
  try {
    given = JSON.parse(text)
  } catch (error) {
    throw refuse('it is not JSON', error)
  }
  const version = versionOnly.safeParse(given).data?.formatVersion
  if (version !== undefined && version > formatVersion)
    throw new MillcourseError('LEDGER_SCHEMA_OUTDATED', `${where} was made by a newer millcourse`, {
      hint: 'install the version that made it, or a later one',
      facts: { file: where, formatVersion: version },
    })
  const parsed = manifest.safeParse(given)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw refuse(`${issue!.path.join('.') || 'it'}: ${issue!.message}`)
  }
  const { sha256: said, ...unsealed } = given as { sha256?: unknown }
  if (said !== checksum(unsealed)) throw refuse('it is not as it was written')
  const odd = parsed.data.tables.find(({ rows, parts }) => rows !== parts.reduce((sum, one) => sum + one.rows, 0))
  if (odd !== undefined) throw refuse(`the parts of ${odd.name} do not hold its ${odd.rows} rows`)
  return parsed.data
}

/** The backup's tables are the schema's, each once with all its columns. @throws MillcourseError BACKUP_INVALID naming the table */
export function checkTables(tables: readonly TableShape[], schema: readonly TableShape[]): void {
  const [given, wanted] = [tables, schema].map((some) => some.map(describeTable))
  const odd = (some: readonly string[], others: readonly string[]) =>
    some.find((one, index) => !others.includes(one) || some.indexOf(one) !== index)
  const strange = odd(given!, wanted!)
  const missing = odd(wanted!, given!)
  if (strange === undefined && missing === undefined) return
  const why =
    missing === undefined
      ? `it has ${strange}, which the schema of its migrations has not, or not twice`
      : `it lacks ${missing}${strange === undefined ? '' : ` and has ${strange}`}`
  throw new MillcourseError('BACKUP_INVALID', `the backup does not hold the tables of its migrations: ${why}`, {
    hint: 'nothing was changed; restore an older backup',
    facts: { table: (missing ?? strange)!.split(' ')[0]! },
  })
}

interface TableShape {
  readonly name: string
  readonly columns: readonly { readonly name: string }[]
}

/** In whatever order: rows are loaded by the columns' names. */
function describeTable({ name, columns }: TableShape): string {
  const names = columns.map((column) => column.name).toSorted()
  return `${name} (${names.join(', ')})`
}

/** Of what it says, however it is spaced. */
function checksum(unsealed: object): string {
  return bytesToHex(sha256(utf8ToBytes(JSON.stringify(unsealed))))
}
