import { bucketCount, planCompactions } from '../../core/compact/index.js'
import { isMillcourseError, type MillcourseError } from '../../core/errors.js'
import type { CompactResult } from '../../core/ports/run-control.js'
import { parseDuration } from '../../core/time/duration.js'
import { endOfTime, formatInstant, parseInstant } from '../../core/time/instant.js'
import type { CliContext, Report } from '../context.js'
import { formatTable } from '../output/table.js'
import { formatBytes, formatCount, plural } from '../output/words.js'

export interface CompactOptions {
  /** What would be written anew, without doing it. */
  readonly dryRun?: boolean
}

/** Writes the small files of one view, or of all that have any, anew as few large ones; the Schedules do the same. */
export async function compact(context: CliContext, name: string | undefined, options: CompactOptions): Promise<Report> {
  const names = name === undefined ? await viewsWithFiles(context) : [name]
  return options.dryRun ? await planOnly(context, names) : await compactAll(context, names)
}

/** Those in the repo, and others whose files are still there. */
async function viewsWithFiles(context: CliContext): Promise<string[]> {
  const [registry, ledger] = [await context.registry(), await context.ledger()]
  const applied = (await registry.current())?.repo.views.map((view) => view.name) ?? []
  const known = (await registry.serving()).views.map(({ definition }) => definition.view.name)
  const retired = [...new Set(known)].filter((name) => !applied.includes(name))
  const versions = await Promise.all(retired.map((name) => ledger.versionsWithFiles(name)))
  return [...applied, ...retired.filter((_, index) => versions[index]!.length > 0)]
}

async function compactAll(context: CliContext, names: readonly string[]): Promise<Report> {
  const registry = await context.registry()
  const runControl = await context.runControl()
  const done: CompactResult[] = []
  const failed: { readonly view: string; readonly error: MillcourseError }[] = []
  for (const view of names) {
    // An unknown view is refused here, not after a workflow's retries.
    await registry.view(view)
    context.progress.update(`compacting ${view}`)
    try {
      done.push(await runControl.compact({ view }))
    } catch (error) {
      if (!isMillcourseError(error) || names.length === 1) throw error
      failed.push({ view, error })
    }
  }
  const [first] = failed
  return {
    outcome: first === undefined ? 'done' : done.length > 0 ? 'partly' : 'failed',
    data: {
      views: done,
      failed: failed.map(({ view, error }) => ({ view, code: error.code, message: error.message })),
    },
    text: [
      resultTable(done),
      ...failed.map(({ view, error }) => `${view}: ${error.message}`),
      'files that are marked are read no longer, and removed by a later compaction',
    ].join('\n'),
    ...(first === undefined ? {} : { error: first.error }),
  }
}

function resultTable(done: readonly CompactResult[]): string {
  return formatTable<CompactResult>(
    [
      { title: 'view', cell: ({ view, version }) => `${view}@v${version}` },
      { title: 'spans', align: 'right', cell: ({ compacted }) => compacted },
      { title: 'files', align: 'right', cell: (one) => arrow(one.filesBefore, one.filesAfter, formatCount) },
      { title: 'bytes', align: 'right', cell: (one) => arrow(one.bytesBefore, one.bytesAfter, formatBytes) },
      { title: 'marked', align: 'right', cell: ({ filesMarked }) => formatCount(filesMarked) },
      { title: 'removed', align: 'right', cell: ({ filesRemoved }) => formatCount(filesRemoved) },
      { title: 'freed', align: 'right', cell: ({ bytesRemoved }) => formatBytes(bytesRemoved) },
      { title: 'run details', align: 'right', cell: ({ detailsRemoved = 0 }) => formatCount(detailsRemoved) },
    ],
    done,
  )
}

const arrow = (before: number, after: number, format: (count: number) => string) =>
  `${format(before)} -> ${format(after)}`

interface PlannedSpan {
  readonly view: string
  readonly version: number
  readonly from: string
  readonly to: string
  readonly commits: number
  readonly filesBefore: number
  /** At most: a bucket without rows has no file. */
  readonly filesAfter: number
  readonly rows: number
  readonly bytes: number
}

async function planOnly(context: CliContext, names: readonly string[]): Promise<Report> {
  const [registry, ledger] = [await context.registry(), await context.ledger()]
  const spans: PlannedSpan[] = []
  const versions = await Promise.all(
    names.map(async (name) => {
      const newest = (await registry.view(name)).view.version
      return [...new Set([newest, ...(await ledger.versionsWithFiles(name))])].map((version) => ({ name, version }))
    }),
  )
  for (const { name, version } of versions.flat()) {
    const { view } = await registry.view(name, version)
    const key = { view: view.name, version: view.version }
    const grid = { since: parseInstant(view.since), everyNs: parseDuration(view.every) }
    const all = { start: grid.since, end: endOfTime }
    const commits = await ledger.currentCommits(key, all)
    const current = (await ledger.compactions(key, all)).filter(({ isCurrent }) => isCurrent)
    for (const plan of planCompactions(grid, commits, current))
      spans.push({
        ...key,
        from: formatInstant(plan.span.start),
        to: formatInstant(plan.span.end),
        commits: plan.commitIds.length,
        filesBefore: plan.files,
        filesAfter: bucketCount(plan),
        rows: plan.rows,
        bytes: plan.sizeBytes,
      })
  }
  const table = formatTable<PlannedSpan>(
    [
      { title: 'view', cell: ({ view, version }) => `${view}@v${version}` },
      { title: 'from', cell: ({ from }) => from },
      { title: 'to', cell: ({ to }) => to },
      { title: 'files', align: 'right', cell: (one) => arrow(one.filesBefore, one.filesAfter, formatCount) },
      { title: 'rows', align: 'right', cell: ({ rows }) => formatCount(rows) },
      { title: 'bytes', align: 'right', cell: ({ bytes }) => formatBytes(bytes) },
    ],
    spans,
  )
  return {
    outcome: 'done',
    data: { spans },
    text:
      spans.length === 0
        ? 'nothing is worth compacting'
        : `${table}\n${plural(spans.length, 'span')}; nothing was written`,
  }
}
