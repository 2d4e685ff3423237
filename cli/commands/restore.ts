import { type BackupManifest, checkTables } from '../../core/backup/manifest.js'
import { MillcourseError } from '../../core/errors.js'
import type { Lake } from '../../core/ports/lake.js'
import type { ViewKey } from '../../core/ports/ledger.js'
import type { StagedLedger } from '../../core/ports/ledger-archive.js'
import { checkParts, readManifest, readPart } from '../backup/backup-files.js'
import { reconcile, type ViewReconciled } from '../backup/reconcile.js'
import type { CliContext, Report } from '../context.js'

/** Puts a backup in the place of the project's registry and ledger, all or nothing, and says what the lake and the online store are ahead by. */
export async function restore(
  context: CliContext,
  options: { readonly from: string; readonly replace?: boolean; readonly acceptLostFiles?: boolean },
): Promise<Report> {
  const archive = await context.ledgerArchive()
  const source = await context.lakeAt(options.from)
  const manifest = await readManifest(source)
  if (manifest.project !== archive.project) throw otherProject(manifest, archive.project, options.from)
  const mayReplace = options.replace === true
  const present = (await archive.countRows()) ?? 0n
  if (present > 0n && !mayReplace) throw notEmpty(archive.project, present)
  context.progress.update('checking the backup')
  await checkParts(source, manifest)
  const staged = await archive.stage(manifest.migrations)
  try {
    checkTables(manifest.tables, await staged.tables())
    await load(context, source, manifest, staged)
    const { runsEnded } = await staged.settle()
    context.progress.update('comparing with the lake and the online store')
    const lake = await context.lake()
    const parts = { project: archive.project, staged, lake, online: await context.online() }
    const views = await reconcile(parts, await viewVersions(context, staged))
    if (options.acceptLostFiles !== true) refuseStrangeLake(lake, views)
    const keptAs = await staged.swapIn({ mayReplace, by: context.actor, from: options.from })
    return report(context, manifest, { runsEnded, views, keptAs })
  } finally {
    await staged.discard()
  }
}

async function load(context: CliContext, source: Lake, manifest: BackupManifest, staged: StagedLedger): Promise<void> {
  for (const table of manifest.tables)
    for (const part of table.parts) {
      context.progress.update(`restoring ${table.name}`)
      await staged.load(table, await readPart(source, table, part))
    }
}

/** Also those of the repo: a version applied after the backup has a table whose sequences the ledger has to rise above. */
async function viewVersions(context: CliContext, staged: StagedLedger): Promise<ViewKey[]> {
  const known = await staged.viewVersions()
  const declared = await context.readRepo().then(
    ({ repo }) => repo.views.map(({ name, version }) => ({ view: name, version })),
    () => [],
  )
  return [...new Map([...known, ...declared].map((key) => [`${key.view}@v${key.version}`, key])).values()]
}

function report(
  context: CliContext,
  manifest: BackupManifest,
  done: { readonly runsEnded: number; readonly views: readonly ViewReconciled[]; readonly keptAs: string | null },
): Report {
  const { views, keptAs, runsEnded } = done
  const rows = manifest.tables.reduce((sum, table) => sum + table.rows, 0)
  const told = views.flatMap(({ view, version, reopened, unknownFiles, laterVersions }) => {
    const said = [
      [reopened, 'committed files are gone: their intervals run again'],
      [unknownFiles, 'files were committed later: their intervals run again'],
      [laterVersions, 'files were committed later in the place of older ones: those of the backup count'],
    ] as const
    const lines = said.flatMap(([found, words]) => (found.length === 0 ? [] : [`${found.length} ${words}`]))
    return lines.length === 0 ? [] : [`  ${view}@v${version}; ${lines.join('; ')}`]
  })
  return {
    outcome: 'done',
    data: { project: manifest.project, takenAt: manifest.takenAt, rows, runsEnded, views, keptAs },
    text: [
      `restored ${manifest.project} as of ${manifest.takenAt}: ${rows} rows`,
      ...told,
      ...(runsEnded === 0 ? [] : [`${runsEnded} runs were under way then: the next tick runs their intervals again`]),
      ...(keptAs === null ? [] : [`what was there is kept as schema "${keptAs}": drop it when it is no longer wanted`]),
      `next: millcourse apply${context.givenOptions}   # the schedules; then start the workers`,
    ].join('\n'),
  }
}

/** A slip in the lake's address looks like the loss of everything, and would have all of it computed again. */
function refuseStrangeLake(lake: Lake, views: readonly ViewReconciled[]): void {
  const lost = views.flatMap(({ lostFiles }) => lostFiles)
  const named = views.reduce((sum, { namedFiles }) => sum + namedFiles, 0)
  if (2 * lost.length <= named) return
  throw new MillcourseError(
    'RESTORE_FILES_MISSING',
    `the lake lacks ${lost.length} of the ${named} committed files of this backup, first ${lake.uri(lost[0]!)}`,
    {
      hint: 'nothing was changed; is MILLCOURSE_LAKE this project’s bucket and prefix? Get the files back from the bucket’s older versions, or restore again with --accept-lost-files: their intervals run again',
      facts: { file: lake.uri(lost[0]!), missing: lost.length, committed: named },
    },
  )
}

function otherProject(manifest: BackupManifest, project: string, from: string): MillcourseError {
  return new MillcourseError(
    'BACKUP_INVALID',
    `${from} is a backup of project ${manifest.project}, this is ${project}`,
    {
      hint: 'tables, files and workflows bear the project’s name: restore it under the same one',
      facts: { project, of: manifest.project },
    },
  )
}

export function notEmpty(project: string, rows: bigint): MillcourseError {
  return new MillcourseError(
    'RESTORE_TARGET_NOT_EMPTY',
    `project ${project} has a registry and a ledger: ${rows} rows`,
    {
      hint: 'with --replace the backup takes their place; they are kept under another name. Stop workers and watcher before',
      facts: { project, rows: Number(rows) },
    },
  )
}
