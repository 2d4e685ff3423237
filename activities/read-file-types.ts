import {
  buildEmptyFilesQuery,
  buildFileTypesQuery,
  type FileTypes,
  fileTypesFrom,
  withEmptyFiles,
} from '../core/compute/index.js'
import type { QuerySession } from '../core/ports/query-engine.js'

/** What types the columns of the files have, from their footers alone. */
export async function readFileTypes(session: QuerySession, uris: readonly string[]): Promise<FileTypes[]> {
  if (uris.length === 0) return []
  const types = fileTypesFrom(await session.all(buildFileTypesQuery(uris)))
  const empties = buildEmptyFilesQuery(types)
  return empties === null ? types : withEmptyFiles(types, await session.all(empties))
}
