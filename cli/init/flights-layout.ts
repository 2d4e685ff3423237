/** Three million real US flights of January to June 2001 (npm `vega-datasets`, BSD-3), as if they arrived hour by hour. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { MillcourseError } from '../../core/errors.js'
import type { QueryEngine } from '../../core/ports/query-engine.js'
import type { Interval } from '../../core/time/interval.js'
import { layOutHours, text } from './partition-layout.js'

export interface FlightsLayout {
  readonly engine: QueryEngine
  readonly flightsFile: string
  /** Holds `flights/date=…/hour=…` afterwards. */
  readonly dataDir: string
  readonly range: Interval
  readonly onHour?: (done: number) => void
}

/** @returns hours laid out */
export async function layOutFlights({ engine, flightsFile, dataDir, range, onHour }: FlightsLayout): Promise<number> {
  return layOutHours({
    engine,
    // The file's times carry no zone; the example takes them as UTC (R10).
    prepare: [
      {
        sql: `CREATE TEMP TABLE rows AS SELECT date, delay, distance, origin, destination FROM read_parquet(${text(flightsFile)})`,
      },
    ],
    eventTime: 'date',
    folder: join(dataDir, 'flights'),
    range,
    ...(onHour ? { onHour } : {}),
  })
}

/** Looks upward from each folder for an installed `vega-datasets`. @throws MillcourseError REPO_NOT_FOUND */
export function findFlightsFile(folders: readonly string[]): string {
  for (const start of folders)
    for (let folder = resolve(start); ; folder = dirname(folder)) {
      const file = join(folder, 'node_modules', 'vega-datasets', 'data', 'flights-3m.parquet')
      if (existsSync(file)) return file
      if (dirname(folder) === folder) break
    }
  throw new MillcourseError('SOURCE_FILE_MISSING', 'the flights are not installed', {
    hint: 'npm install --save-dev vega-datasets, then again; or take the generated sample: millcourse init --example sample',
    facts: { package: 'vega-datasets', file: 'data/flights-3m.parquet' },
  })
}
