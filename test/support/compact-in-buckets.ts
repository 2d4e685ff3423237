import type { ActivityDeps } from '../../activities/activity-deps.js'
import { compactedPath } from '../../core/compact/index.js'
import { buildCompaction, printCommittedFile } from '../../core/compute/index.js'
import type { CompactedPart } from '../../core/ports/compaction-ledger.js'
import type { ViewKey } from '../../core/ports/ledger.js'
import type { Interval } from '../../core/time/interval.js'

/** Records a compaction of all that is committed in a span, in so many buckets; which a real one has of millions of rows alone. */
export async function compactInBuckets(
  { registry, ledger, lake, engine }: ActivityDeps,
  key: ViewKey,
  span: Interval,
  of: number,
): Promise<CompactedPart[]> {
  const bundle = await registry.view(key.view, key.version)
  const held = (await ledger.currentCommits(key, span)).filter(({ data }) => data !== null)
  const id = await ledger.beginCompaction(key, span)
  const own = held.map(({ data }) => lake.uri(data!.path))
  const query = buildCompaction({ bundle, files: own, span, buckets: of })
  const files: CompactedPart[] = []
  await engine.withSession(async (session) => {
    for (const statement of query.statements) await session.execute(statement)
    for (const { bucket, rows } of await session.all(query.counts)) {
      const number = Number(bucket)
      const path = compactedPath(key, id, { number, of })
      await lake.prepareWrite(path)
      await session.all(printCommittedFile(query.output(number), lake.uri(path)))
      files.push({ path, rows: Number(rows), bucket: { number, of }, ...(await lake.digest(path))! })
    }
  })
  await ledger.recordCompaction(id, { commitIds: held.map(({ commitId }) => commitId), files })
  return files.toSorted((a, b) => a.bucket.number - b.bucket.number)
}
