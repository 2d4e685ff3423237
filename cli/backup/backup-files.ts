/** A backup as files below one folder: gzip'd JSON lines in parts of a few MiB, so that neither side ever holds a table. */
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import {
  type BackupManifest,
  type BackupPart,
  type BackupTable,
  manifestName,
  parseManifest,
  sealManifest,
} from '../../core/backup/manifest.js'
import { isMillcourseError, MillcourseError } from '../../core/errors.js'
import type { Lake } from '../../core/ports/lake.js'
import type { ArchivedRow, ArchivedTable } from '../../core/ports/ledger-archive.js'

const partBytes = 8 * 1024 * 1024
/** Of one part, unpacked. A row is at most that of a run with thousands of files: a bound against files that unfold without end. */
const unpackedBytesMax = 512 * 1024 * 1024

/** Writes one table's parts. @throws MillcourseError as the lake does */
export async function writeTable(
  lake: Lake,
  folder: string,
  table: ArchivedTable,
  rows: AsyncIterable<readonly ArchivedRow[]>,
): Promise<BackupTable> {
  const parts: BackupPart[] = []
  let lines: string[] = []
  let bytes = 0
  const flush = async () => {
    if (lines.length === 0) return
    const path = `${table.name}/${String(parts.length + 1).padStart(6, '0')}.jsonl.gz`
    const packed = await promisify(gzip)(`${lines.join('\n')}\n`)
    await writeNew(lake, `${folder}/${path}`, packed)
    parts.push({ path, rows: lines.length, bytes: packed.length, sha256: sha256(packed) })
    lines = []
    bytes = 0
  }
  for await (const some of rows)
    for (const row of some) {
      const line = JSON.stringify(row)
      lines.push(line)
      bytes += line.length
      if (bytes >= partBytes) await flush()
    }
  await flush()
  return { name: table.name, columns: [...table.columns], rows: parts.reduce((sum, part) => sum + part.rows, 0), parts }
}

/** Last of all: with it the folder is a backup. */
export async function writeManifest(lake: Lake, folder: string, manifest: BackupManifest): Promise<void> {
  await writeNew(lake, `${folder}/${manifestName}`, new TextEncoder().encode(sealManifest(manifest)))
}

async function writeNew(lake: Lake, path: string, bytes: Uint8Array): Promise<void> {
  if ((await lake.writeIfAbsent(path, bytes)) === 'written') return
  // A repeat of our own request whose answer was lost finds its own bytes.
  if (sha256(await lake.read(path)) === sha256(bytes)) return
  throw new MillcourseError('BACKUP_INVALID', `${lake.uri(path)} is there already`, {
    hint: 'choose another --out',
    facts: { file: lake.uri(path) },
  })
}

/** @throws MillcourseError BACKUP_INVALID, LEDGER_SCHEMA_OUTDATED */
export async function readManifest(lake: Lake): Promise<BackupManifest> {
  let bytes: Uint8Array
  try {
    bytes = await lake.read(manifestName)
  } catch (error) {
    if (!isMillcourseError(error) || error.code !== 'LAKE_FILE_MISSING') throw error
    throw new MillcourseError(
      'BACKUP_INVALID',
      `${lake.uri(manifestName)} is not there: this is no backup, or one that was not finished`,
      {
        cause: error,
        hint: 'name the folder that `millcourse backup` printed',
        facts: { file: lake.uri(manifestName) },
      },
    )
  }
  return parseManifest(new TextDecoder().decode(bytes), lake.uri(manifestName))
}

/** Every file is there, whole and unchanged: asked before anything is touched. @throws MillcourseError BACKUP_INVALID naming the file */
export async function checkParts(lake: Lake, manifest: BackupManifest): Promise<void> {
  for (const { parts } of manifest.tables) for (const part of parts) await readPacked(lake, part)
}

/** @throws MillcourseError BACKUP_INVALID naming the file */
export async function readPart(lake: Lake, table: BackupTable, part: BackupPart): Promise<ArchivedRow[]> {
  const packed = await readPacked(lake, part)
  try {
    const text = (await promisify(gunzip)(packed, { maxOutputLength: unpackedBytesMax })).toString('utf8')
    const rows = text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as ArchivedRow)
    if (rows.length !== part.rows) throw new Error(`it holds ${rows.length} rows, not ${part.rows}`)
    if (rows.some((row) => row.length !== table.columns.length)) throw new Error('a row has another number of values')
    return rows
  } catch (error) {
    throw damaged(lake, part, error instanceof Error ? error.message : 'it cannot be read', error)
  }
}

async function readPacked(lake: Lake, part: BackupPart): Promise<Uint8Array> {
  let packed: Uint8Array
  try {
    packed = await lake.read(part.path)
  } catch (error) {
    if (isMillcourseError(error) && error.code === 'LAKE_FILE_MISSING')
      throw damaged(lake, part, 'it is not there', error)
    throw error
  }
  if (packed.length !== part.bytes) throw damaged(lake, part, `it has ${packed.length} bytes, not ${part.bytes}`)
  if (sha256(packed) !== part.sha256) throw damaged(lake, part, 'its bytes are not those that were written')
  return packed
}

function damaged(lake: Lake, part: BackupPart, why: string, cause?: unknown): MillcourseError {
  return new MillcourseError('BACKUP_INVALID', `${lake.uri(part.path)} is damaged: ${why}`, {
    ...(cause === undefined ? {} : { cause }),
    hint: 'nothing was changed; restore an older backup, or get this file back from its bucket’s older versions',
    facts: { file: lake.uri(part.path) },
  })
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
