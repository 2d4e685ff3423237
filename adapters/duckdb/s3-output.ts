/**
 * A COPY to S3 goes to the spill folder and is uploaded when it is whole. DuckDB's own writer leaves a truncated object under the
 * final name when a statement fails or is interrupted, and waits for ever when the first request of its upload fails.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isInS3 } from './file-names.js'
import { sqlLiterals } from './sql-literals.js'

let files = 0

export interface S3Output {
  /** The statement, writing to `file`. */
  readonly sql: string
  readonly file: string
  readonly uri: string
  remove(): Promise<void>
}

/** Null: the statement writes nothing to S3. */
export function redirectOutput(sql: string, spillFolder: string): S3Output | null {
  const target = sqlLiterals(sql).find(({ text, names }) => names === 'target' && isInS3(text))
  if (!target) return null
  const file = join(spillFolder, `upload-${files++}.parquet`)
  return {
    sql: `${sql.slice(0, target.start)}'${file.replaceAll("'", "''")}'${sql.slice(target.end)}`,
    file,
    uri: target.text,
    remove: () => rm(file, { force: true }),
  }
}
