/** The product's own compactions of a folder of committed files, planned and written as its workflow does. */
import { mkdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { bucketCount, compactedPath, type KnownCompaction, planCompactions } from '../core/compact/index.js'
import { buildCompaction, type CommittedFile, committedFiles, printCommittedFile } from '../core/compute/index.js'
import type { ViewBundle } from '../core/define/index.js'
import type { QuerySession } from '../core/ports/query-engine.js'
import { parseDuration } from '../core/time/duration.js'
import { parseInstant } from '../core/time/instant.js'
import type { Interval } from '../core/time/interval.js'

export interface CommittedPart {
  readonly interval: Interval
  readonly file: string
}

/** What readers of these commits are told to read once everything worth it is compacted. */
export async function compactAll(
  session: QuerySession,
  bundle: ViewBundle,
  parts: readonly CommittedPart[],
  folder: string,
): Promise<CommittedFile[]> {
  const { view } = bundle
  const rowsOf = new Map(
    (
      await session.all({
        sql: `SELECT file_name, num_rows FROM parquet_file_metadata([${parts.map(({ file }) => `'${file}'`).join(', ')}])`,
      })
    ).map(({ file_name, num_rows }) => [String(file_name), Number(num_rows)]),
  )
  const commits = await Promise.all(
    parts.map(async ({ interval, file }, at) => ({
      ...{ commitId: BigInt(at + 1), interval, path: file },
      data: { path: file, rows: rowsOf.get(file)!, sizeBytes: (await stat(file)).size },
    })),
  )
  const grid = { since: parseInstant(view.since), everyNs: parseDuration(view.every) }
  const compactions: (KnownCompaction & { readonly removedIds: readonly bigint[] })[] = []
  for (const plan of planCompactions(grid, commits, [])) {
    const ids = new Set(plan.commitIds)
    const held = commits.filter(({ commitId }) => ids.has(commitId))
    const of = bucketCount(plan)
    const read = committedFiles(held, [], (path) => path)
    const query = buildCompaction({ bundle, files: read, span: plan.span, buckets: of })
    for (const statement of query.statements) await session.execute(statement)
    const files = []
    for (const { bucket } of await session.all(query.counts)) {
      const number = Number(bucket)
      const key = { view: view.name, version: view.version }
      const path = join(folder, compactedPath(key, BigInt(compactions.length + 1), { number, of }))
      await mkdir(dirname(path), { recursive: true })
      await session.execute(printCommittedFile(query.output(number), path))
      files.push({ path, sizeBytes: (await stat(path)).size, bucket: { number, of } })
    }
    compactions.push({ span: plan.span, commitIds: plan.commitIds, removedIds: [], files })
  }
  return committedFiles(commits, compactions.toReversed(), (path) => path)
}
