import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { BackupPart } from '../../core/backup/manifest.js'
import type { ArchivedRow } from '../../core/ports/ledger-archive.js'

/** Changes the rows of a backup's part, and what the manifest says of it, as if it had been written so. */
export function rewritePart(
  place: string,
  part: { -readonly [name in keyof BackupPart]: BackupPart[name] },
  change: (row: ArchivedRow) => ArchivedRow,
): void {
  const file = join(place, part.path)
  const lines = gunzipSync(readFileSync(file)).toString('utf8').trimEnd().split('\n')
  const packed = gzipSync(`${lines.map((line) => JSON.stringify(change(JSON.parse(line)))).join('\n')}\n`)
  writeFileSync(file, packed)
  part.bytes = packed.length
  part.sha256 = createHash('sha256').update(packed).digest('hex')
}
