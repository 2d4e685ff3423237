import { type BackupTable, formatVersion } from '../../core/backup/manifest.js'
import { formatInstant } from '../../core/time/instant.js'
import { writeManifest, writeTable } from '../backup/backup-files.js'
import type { CliContext, Report } from '../context.js'

/** Registry and ledger, in one snapshot; runs go on meanwhile. */
export async function backup(context: CliContext, options: { readonly out: string }): Promise<Report> {
  const archive = await context.ledgerArchive()
  const lake = await context.lakeAt(options.out)
  const { project } = archive
  // A folder of its own: a backup never writes over another one, and one that was not finished is told by its lack of a manifest.
  const folder = `${project}-${formatInstant(context.clock.realNow()).replaceAll(/[-:]/g, '').replace(/\.\d+/, '')}`
  const tables: BackupTable[] = []
  const { migrations, takenAt } = await archive.exportTables(async (table, rows) => {
    context.progress.update(`backup of ${project}: ${table.name}`)
    tables.push(await writeTable(lake, folder, table, rows))
  })
  await writeManifest(lake, folder, {
    format: 'millcourse-backup',
    formatVersion,
    project,
    takenAt: formatInstant(takenAt),
    migrations: [...migrations],
    tables,
  })
  const rows = tables.reduce((sum, table) => sum + table.rows, 0)
  const bytes = tables.flatMap(({ parts }) => parts).reduce((sum, part) => sum + part.bytes, 0)
  const place = lake.uri(folder)
  return {
    outcome: 'done',
    data: { project, backup: place, takenAt: formatInstant(takenAt), rows, bytes, tables: tables.length },
    text: [
      `backup complete: ${rows} rows of ${tables.length} tables, ${(bytes / 1024).toFixed(0)} KiB, in ${place}`,
      `put it back with: millcourse restore --from ${place}${context.givenOptions}`,
    ].join('\n'),
  }
}
