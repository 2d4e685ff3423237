/** What making a training set would read and take, without doing it: nothing is pinned, joined or written. */
import type { ValueType } from '../../core/define/column-type.js'
import { formatInstant } from '../../core/time/instant.js'
import { type ManifestView, pathsReadFor } from '../../core/training/index.js'
import type { Report } from '../context.js'
import { formatTable } from '../output/table.js'
import { formatBytes, formatCount, plural } from '../output/words.js'
import type { AskedSet } from './asked-set.js'
import { gapText } from './gap-text.js'
import { columnsOf, partCount } from './make-set.js'
import type { PreparedSet } from './prepare-set.js'
import type { TrainingOutput } from './training-output.js'

/** Bytes of a key or a time while it is joined, with what the engine keeps beside it. */
const joinedCellBytes = 24

export interface ExplainedView {
  readonly view: string
  readonly version: number
  readonly features: readonly string[]
  /** Joins: one, but for sets as published. */
  readonly reads: number
  readonly intervals: number
  readonly from: string | null
  readonly to: string | null
  readonly files: number
  readonly rows: number
  readonly bytes: number
}

export function explainSet(asked: AskedSet, prepared: PreparedSet, output: TrainingOutput | null): Report {
  const { id, rows, times, spine, plan } = prepared
  const views = prepared.views.map(explainView)
  const outputBytes = spine.sizeBytes + rows * sum(plan.views.flatMap((view) => view.features.map(widthOf)))
  const memoryBytes = memoryOf(prepared)
  const columns = columnsOf(plan)
  const parts = output === null || output.partRows === null ? null : partCount(rows, output.partRows)
  const span = times === null ? null : { from: formatInstant(times.min), to: formatInstant(times.max) }
  const table = formatTable<ExplainedView>(
    [
      { title: 'view', cell: ({ view, version }) => `${view}@v${version}` },
      { title: 'features', align: 'right', cell: ({ features }) => features.length },
      { title: 'joins', align: 'right', cell: ({ reads }) => reads },
      { title: 'intervals', align: 'right', cell: ({ intervals }) => formatCount(intervals) },
      { title: 'from', cell: ({ from }) => from },
      { title: 'to', cell: ({ to }) => to },
      { title: 'files', align: 'right', cell: ({ files }) => formatCount(files) },
      { title: 'rows', align: 'right', cell: (one) => formatCount(one.rows) },
      { title: 'bytes', align: 'right', cell: ({ bytes }) => formatBytes(bytes) },
    ],
    views,
  )
  return {
    outcome: 'done',
    data: {
      id,
      mode: asked.mode,
      out: output?.name ?? null,
      ...(parts === null ? {} : { parts }),
      spine: { ...spine, rows, ...span },
      views,
      columns,
      outputBytes,
      memoryBytes,
      ...(prepared.gaps === null ? {} : { gaps: prepared.gaps }),
    },
    text: [
      `set ${id}, ${asked.mode}`,
      `spine: ${plural(rows, 'row')}, ${formatBytes(spine.sizeBytes)}${span === null ? '' : `, ${span.from} to ${span.to}`}`,
      table,
      ...gapText(prepared.gaps),
      `output: ${plural(columns.length, 'feature')}, about ${formatBytes(outputBytes)} before compression${parts === null ? '' : `, in ${plural(parts, 'part')}`}`,
      `memory: about ${formatBytes(memoryBytes)}; what is beyond the engine's limit is spilled`,
      'nothing was pinned, joined or written',
    ].join('\n'),
  }
}

function explainView(view: ManifestView): ExplainedView {
  const read = new Set(pathsReadFor(view))
  const held = view.compactions?.flatMap(({ files }) => files) ?? []
  const files = [...view.files, ...held].filter(({ path }) => path !== null && read.has(path))
  const starts = view.files.map(({ start }) => start).toSorted()
  const ends = view.files.map(({ end }) => end).toSorted()
  return {
    view: view.view,
    version: view.version,
    features: view.features,
    reads: view.reads.length,
    intervals: new Set(starts).size,
    from: starts[0] ?? null,
    to: ends.at(-1) ?? null,
    files: files.length,
    rows: sum(view.files.map(({ rows }) => rows)),
    bytes: sum(files.map(({ sizeBytes }) => sizeBytes)),
  }
}

/** Of the largest join: keys and times of both sides; and the answers of all views, which lie there until they are written. */
function memoryOf({ rows, plan, views }: PreparedSet): number {
  const joins = plan.views.map(({ keys }, index) => {
    const view = views[index]!
    const largest = view.reads.reduce((most, { commitIds }) => Math.max(most, rowsOf(view, new Set(commitIds))), 0)
    return (rows + largest) * (keys.length + 2) * joinedCellBytes
  })
  const answers = rows * sum(plan.views.flatMap((view) => view.features.map(widthOf)))
  return Math.max(0, ...joins) + answers
}

function rowsOf(view: ManifestView, commitIds: ReadonlySet<string>): number {
  return sum(view.files.filter(({ commitId }) => commitIds.has(commitId)).map(({ rows }) => rows))
}

function widthOf({ feature: { type } }: { readonly feature: { readonly type: ValueType } }): number {
  switch (type.kind) {
    case 'boolean':
    case 'int8':
    case 'uint8':
      return 1
    case 'string':
    case 'binary':
    case 'decimal':
      return 16
    case 'list':
    case 'map':
      return 48
    default:
      return 8
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}
