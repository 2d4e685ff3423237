/** Footers of source files, read once per (uri, etag). A cache: what is missing is read again. */
import { type Selectable, sql } from 'kysely'
import type { IndexedFile, LedgerWriter } from '../../core/ports/ledger.js'
import type { PostgresClient } from './client.js'
import type { IndexedFilesTable } from './schema.js'

export type SourceFiles = Pick<LedgerWriter, 'indexFiles' | 'indexedFiles' | 'indexedFilesByUri'>

/** Postgres takes at most 65,535 parameters a statement. */
const rowsPerStatement = 2_000

export function createSourceFiles(client: PostgresClient): SourceFiles {
  return {
    indexFiles: (source, files) =>
      client.transact(async (trx) => {
        for (let at = 0; at < files.length; at += rowsPerStatement)
          await trx
            .insertInto('indexed_files')
            .values(files.slice(at, at + rowsPerStatement).map((file) => toRow(source, file)))
            .onConflict((conflict) => conflict.doNothing())
            .execute()
      }),

    indexedFiles: (source, range) =>
      client.query(async (db) => {
        const rows = await db
          .selectFrom('indexed_files')
          .selectAll()
          .where('source', '=', source)
          // Both ends of a file's event times lie inside it; a file without statistics may touch any range.
          .where((file) =>
            file.or([
              file('event_max', 'is', null),
              file.and([file('event_max', '>=', range.start), file('event_min', '<', range.end)]),
            ]),
          )
          .orderBy('uri')
          .execute()
        return rows.map(toIndexedFile)
      }),

    indexedFilesByUri: (source, uris) =>
      client.query(async (db) => {
        const rows = await db
          .selectFrom('indexed_files')
          .selectAll()
          .where('source', '=', source)
          .where('uri', '=', sql<string>`any(${[...uris]}::text[])`)
          .orderBy('uri')
          .execute()
        return rows.map(toIndexedFile)
      }),
  }
}

function toIndexedFile(row: Selectable<IndexedFilesTable>): IndexedFile {
  return {
    uri: row.uri,
    etag: row.etag,
    sizeBytes: Number(row.size_bytes),
    eventMin: row.event_min,
    eventMax: row.event_max,
    rows: Number(row.rows),
  }
}

function toRow(source: string, file: IndexedFile) {
  return {
    source,
    uri: file.uri,
    etag: file.etag,
    size_bytes: BigInt(file.sizeBytes),
    event_min: file.eventMin,
    event_max: file.eventMax,
    rows: BigInt(file.rows),
  }
}
