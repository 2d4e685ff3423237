/** Costs as a person reads them: a row a day and view, then what it comes to. */
import type { Spend } from '../../core/measure/index.js'
import { formatTable, type TableColumn } from '../output/table.js'
import { formatBytes, formatCount, formatDollars, plural } from '../output/words.js'
import type { CostRow } from './cost-rows.js'

export function formatCosts(rows: readonly CostRow[]): string {
  const right = (title: string, cell: (row: CostRow) => string): TableColumn<CostRow> => ({
    title,
    align: 'right',
    cell,
  })
  const isByWork = rows.some(({ work }) => work !== null)
  return formatTable<CostRow>(
    [
      { title: 'DAY', cell: ({ day }) => day },
      { title: 'VIEW', cell: ({ view }) => view ?? '(no one view)' },
      ...(isByWork ? [{ title: 'WORK', cell: ({ work }: CostRow) => work }] : []),
      right('WRITE UNITS', ({ spend }) => whole(spend.writeUnits)),
      right('READ UNITS', ({ spend }) => whole(spend.readUnits)),
      right('S3 WRITES', ({ spend }) => whole(spend.s3Writes)),
      right('S3 READS', ({ spend }) => whole(spend.s3Reads)),
      right('BYTES OUT', ({ spend }) => formatBytes(spend.s3BytesWritten)),
      right('BYTES IN', ({ spend }) => formatBytes(spend.s3BytesRead)),
      right('DUCKDB', ({ spend }) => formatSeconds(spend.engineSeconds)),
      right('$', ({ dollars }) => formatDollars(dollars.total)),
      right('SAVED $', ({ saved }) => formatDollars(saved.dollars)),
    ],
    rows,
  )
}

/** What one run or other work has spent, in a line. */
export function spendText(spend: Spend): string {
  const { writeUnits, readUnits, estimatedUnits, s3Writes, s3Reads, s3BytesRead, s3BytesWritten } = spend
  const s3 = `${plural(s3Writes, 'S3 write')} (${formatBytes(s3BytesWritten)}), ${plural(s3Reads, 'read')} (${formatBytes(s3BytesRead)})`
  return [
    `${whole(writeUnits)} write units, ${whole(readUnits)} read units${estimatedUnits > 0 ? ` (${whole(estimatedUnits)} estimated)` : ''}`,
    ...(s3Writes + s3Reads > 0 ? [s3] : []),
    `DuckDB ${formatSeconds(spend.engineSeconds)}`,
  ].join('; ')
}

/** Some units come in halves. */
function whole(count: number): string {
  return formatCount(Math.round(count))
}

function formatSeconds(seconds: number): string {
  return `${formatCount(Number(seconds.toFixed(1)))} s`
}
