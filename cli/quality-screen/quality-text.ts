/** A view's quality over time: charts on a terminal, a line for each point in a pipe. */
import type { FeatureViewDefinition } from '../../core/define/definitions.js'
import { columnAt, goodOutcomes, type QualityPoint } from '../../core/judge/index.js'
import { formatInstant } from '../../core/time/instant.js'
import { formatTable, type TableColumn } from '../output/table.js'
import { plural } from '../output/words.js'
import { drawChart, short } from './chart.js'

/** Lines, where one chart stands below the other. */
const indent = '  '

export function qualityHead(view: FeatureViewDefinition, points: readonly QualityPoint[]): string {
  const outcomes = points.flatMap((point) => point.outcomes)
  const counts = [...new Set(outcomes)].map((one) => `${outcomes.filter((other) => other === one).length} ${one}`)
  const [first, last] = [points[0]!, points.at(-1)!]
  return `${view.name}@v${view.version}  ${formatInstant(first.span.start)} to ${formatInstant(last.span.end)}, ${plural(outcomes.length, 'interval')}: ${counts.join(', ')}`
}

export function qualityCharts(
  view: FeatureViewDefinition,
  features: readonly string[],
  points: readonly QualityPoint[],
): string {
  const { rows } = view.checks
  const sections = [
    section(
      'rows',
      drawChart(
        points.map(({ profile }) => ({ value: profile?.rowsKept ?? null })),
        given(rows?.min, rows?.max),
      ),
      limitText(rows?.min, rows?.max),
    ),
    ...features.flatMap((feature) => {
      const { nullRateMax, min, max } = view.checks.features[feature] ?? {}
      const columns = points.map((point) => columnAt(point, feature))
      const means = columns.map((column) => {
        const [mean, band] = [column?.mean ?? null, column?.standardDeviation ?? 0]
        return mean === null ? { value: null } : { value: mean, low: mean - band, high: mean + band }
      })
      return [
        section(
          `${feature}: share of nulls`,
          drawChart(
            columns.map((column) => ({ value: nullRateOf(column) })),
            given(nullRateMax),
          ),
          limitText(undefined, nullRateMax),
        ),
        section(`${feature}: mean, and its standard deviation`, drawChart(means, given(min, max)), limitText(min, max)),
      ]
    }),
  ]
  const marks = points.map(({ outcomes }) => markOf(outcomes)).join('')
  const legend = marks.trim() === '' ? [] : ['', `${indent}marks: h held, r rejected, f failed, n not ready`]
  return [...sections.flatMap((one) => one(marks)), ...legend].join('\n')
}

/** The marks stand right below the columns of a chart. */
function section(title: string, chart: readonly string[], limit: string) {
  return (marks: string): string[] => {
    if (chart.length === 0) return []
    const width = /^ *\S+ /.exec(chart[0]!)?.[0].length ?? 0
    const below = marks.trim() === '' ? [] : [`${indent}${' '.repeat(width)}${marks}`.trimEnd()]
    return ['', `${title}${limit}`, ...chart.map((line) => `${indent}${line}`.trimEnd()), ...below]
  }
}

/** Null: all is well. */
function markOf(outcomes: QualityPoint['outcomes']): string {
  const bad = outcomes.find((one) => !goodOutcomes.includes(one))
  return bad === undefined ? ' ' : bad[0]!
}

function given(...limits: (number | undefined)[]): number[] {
  return limits.filter((limit) => limit !== undefined)
}

function limitText(min: number | undefined, max: number | undefined): string {
  const parts = [...(min === undefined ? [] : [`at least ${min}`]), ...(max === undefined ? [] : [`at most ${max}`])]
  return parts.length === 0 ? '' : ` (limit: ${parts.join(', ')})`
}

export function nullRateOf(column: { readonly values: number; readonly nulls: number } | null): number | null {
  if (column === null || column.values + column.nulls === 0) return null
  return column.nulls / (column.values + column.nulls)
}

export function qualityTable(features: readonly string[], points: readonly QualityPoint[]): string {
  const number = (value: number | null | undefined) => (value == null ? '' : short(value))
  return formatTable<QualityPoint>(
    [
      { title: 'START', cell: ({ span }) => formatInstant(span.start) },
      { title: 'OUTCOME', cell: ({ outcomes }) => [...new Set(outcomes)].join(',') },
      { title: 'ROWS', align: 'right', cell: ({ profile }) => number(profile?.rowsKept) },
      ...features.flatMap((feature): TableColumn<QualityPoint>[] => [
        { title: `${feature} NULLS`, align: 'right', cell: (point) => number(nullRateOf(columnAt(point, feature))) },
        { title: 'MEAN', align: 'right', cell: (point) => number(columnAt(point, feature)?.mean) },
        { title: 'SD', align: 'right', cell: (point) => number(columnAt(point, feature)?.standardDeviation) },
      ]),
    ],
    points,
  )
}
