/**
 * Which event times a file holds, from its footer's statistics: what decides which intervals it touches (R27). Never too narrow: a
 * file without statistics, or whose event times are of another type (dates, text, numbers), touches what its partition does; in a
 * source without partitions these are all intervals.
 */
import type { SourceDefinition } from '../define/definitions.js'
import { earliest, endOfTime, type Instant, latest, parseInstant } from '../time/instant.js'
import { utcRangeOfLocal } from './local-range.js'

export interface FileFooter {
  readonly file: string
  readonly rows: number
  /** Null: the footer does not say. Both ends lie in the range. */
  readonly eventMin: Instant | null
  readonly eventMax: Instant | null
}

/** One row per row group, for `fileFootersFrom`. */
export function buildFooterQuery(
  files: readonly string[],
  eventTime: string,
): { readonly sql: string; readonly parameters: readonly [readonly string[], string] } {
  return {
    // One function, so that each file is opened once.
    sql: `SELECT file.file_name, file.num_rows, "column".row_group_num_rows, "column".stats_null_count,
        coalesce("column".stats_min_value, "column".stats_min) AS min, coalesce("column".stats_max_value, "column".stats_max) AS max,
        coalesce(list_filter(footer.parquet_schema, lambda s: s.name = $2)[1].logical_type LIKE '%isAdjustedToUTC=1%', false) AS is_utc
      FROM parquet_full_metadata($1) AS footer, unnest(footer.parquet_file_metadata) AS files(file)
      LEFT JOIN LATERAL (SELECT unnest(list_filter(footer.parquet_metadata, lambda c: c.path_in_schema = $2))) AS columns("column") ON true`,
    parameters: [files, eventTime],
  }
}

interface FooterRow {
  readonly file_name: string
  readonly num_rows: bigint
  readonly row_group_num_rows: bigint | null
  readonly stats_null_count: bigint | null
  readonly min: string | null
  readonly max: string | null
  readonly is_utc: boolean
}

export function fileFootersFrom(
  rows: readonly Readonly<Record<string, unknown>>[],
  source: SourceDefinition,
): FileFooter[] {
  const byFile = new Map<string, FooterRow[]>()
  for (const row of rows as unknown as readonly FooterRow[])
    byFile.set(row.file_name, [...(byFile.get(row.file_name) ?? []), row])
  return [...byFile].map(([file, groups]) => {
    const filled = groups.filter((group) => !isAllNull(group))
    const ranges = filled.flatMap((group) => readRange(group, source.timezone) ?? [])
    const isKnown = ranges.length > 0 && ranges.length === filled.length
    return {
      file,
      rows: Number(groups[0]!.num_rows),
      eventMin: isKnown ? earliest(ranges.map((range) => range.min)) : null,
      eventMax: isKnown ? latest(ranges.map((range) => range.max)) : null,
    }
  })
}

function isAllNull(group: FooterRow): boolean {
  return group.row_group_num_rows !== null && group.row_group_num_rows === group.stats_null_count
}

function readRange(group: FooterRow, zone: string): { readonly min: Instant; readonly max: Instant } | null {
  if (group.min === null || group.max === null) return null
  const min = readTime(group.min, 'min')
  const max = readTime(group.max, 'max')
  if (min === null || max === null) return null
  // Nanoseconds are told in microseconds, cut toward 1970: before it the first one may lie a little earlier.
  if (group.is_utc || group.min.endsWith('+00')) return { min: min < 0n ? min - 999n : min, max }
  return { min: utcRangeOfLocal(min, zone).min, max: utcRangeOfLocal(max, zone).max }
}

/** Beyond what an instant holds: the engine's markers, and years that have no four digits. */
const beyond = /^(-?infinity|\d+-\d\d-\d\d( \(BC\))? \d\d:\d\d:\d\d(\.\d{1,9})?(\+00)?)$/

/**
 * The engine's text of a timestamp. Times beyond are taken as the end of time, so that the range is not too narrow. Null: no
 * timestamp, the column has another type.
 */
function readTime(text: string, end: 'min' | 'max'): Instant | null {
  const plain = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,9})?(?=(\+00)?$)/.exec(text)?.[0]
  if (plain !== undefined) return parseInstant(plain)
  if (!beyond.test(text)) return null
  return end === 'min' ? -endOfTime : endOfTime
}
