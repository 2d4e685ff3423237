/** A chart of characters: a column for each point, oldest first. */

export interface ChartPoint {
  /** Null: there is none, and the column stays empty. */
  readonly value: number | null
  /** The band around it. */
  readonly low?: number | null
  readonly high?: number | null
}

const rows = 6
/** A limit so much further away than the values reach is not drawn: it would press them flat. */
const limitReach = 3

/** Lines of equal width, the largest value first: `•` a value, `│` its band, `─` a limit. No points with a value: no lines. */
export function drawChart(points: readonly ChartPoint[], limits: readonly number[]): string[] {
  const values = points.flatMap(({ value, low, high }) => [value, low, high].filter((one) => one != null))
  if (values.length === 0) return []
  const [least, most] = [Math.min(...values), Math.max(...values)]
  const reach = Math.max(most - least, Math.abs(most), Math.abs(least)) * limitReach
  const drawn = limits.filter((limit) => limit >= least - reach && limit <= most + reach)
  const [bottom, top] = [Math.min(least, ...drawn), Math.max(most, ...drawn)]
  const rowOf = (value: number): number =>
    top === bottom ? 0 : Math.round(((value - bottom) / (top - bottom)) * (rows - 1))
  const limitRows = new Set(drawn.map(rowOf))
  const height = top === bottom ? 1 : rows
  const labels = Array.from({ length: height }, (_, row) =>
    row === height - 1 ? short(top) : row === 0 ? short(bottom) : '',
  )
  const width = Math.max(...labels.map(({ length }) => length))
  return labels
    .map((label, row) => `${label.padStart(width)} ${cells(points, row, rowOf, limitRows.has(row))}`.trimEnd())
    .reverse()
}

function cells(points: readonly ChartPoint[], row: number, rowOf: (value: number) => number, isLimit: boolean): string {
  return points
    .map(({ value, low, high }) => {
      if (value !== null && rowOf(value) === row) return '•'
      const isInBand = low != null && high != null && row >= rowOf(low) && row <= rowOf(high)
      return isInBand ? '│' : isLimit ? '─' : ' '
    })
    .join('')
}

export function short(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)))
}
