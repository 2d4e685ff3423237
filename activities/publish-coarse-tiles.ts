/** Coarser tiles, made once a span's intervals are all committed, so that a long window reads tens of files (design.md section 4). */

import type { LakePart } from '../core/compute/index.js'
import {
  buildCoarseTile,
  type CoarseTilePlan,
  coarseLengths,
  type KnownCoarseTile,
  planCoarseTiles,
  type TileFilesInput,
} from '../core/compute/index.js'
import type { CancelSignal } from '../core/ports/cancel-signal.js'
import type { QuerySession } from '../core/ports/query-engine.js'
import { coarseTilePath, countRowsSql, writeCoarseTileSql } from '../core/publish/index.js'
import type { PublishContext } from './publish-state.js'

/** A publish makes at most so many; the rest is left to the next ones. */
const tilesPerPublishMax = 32

/** Makes what is worth making at the publish's end; the ledger keeps it for the publishes to come. */
export async function makeCoarseTiles(
  context: PublishContext,
  signal: CancelSignal,
  { commits, compactions }: Required<Pick<TileFilesInput, 'commits' | 'compactions'>>,
  known: readonly KnownCoarseTile[],
): Promise<KnownCoarseTile[]> {
  const { bundle, publish } = context
  const made: KnownCoarseTile[] = []
  // The shortest first: longer ones are merged from them.
  for (const length of coarseLengths(bundle)) {
    const plans = planCoarseTiles({
      ...{ bundle, endNs: publish.endAt, commits, compactions, length },
      coarse: [...known, ...made],
    })
    const left = tilesPerPublishMax - made.length
    for (const plan of left > 0 ? plans.slice(-left) : []) made.push(await makeCoarseTile(context, signal, plan))
  }
  return made
}

async function makeCoarseTile(
  { deps, bundle, publish }: PublishContext,
  signal: CancelSignal,
  { span, tiles, commitIds }: CoarseTilePlan,
): Promise<KnownCoarseTile> {
  let data: LakePart | null = null
  if (tiles.length > 0) {
    const path = coarseTilePath(bundle.view, span, publish)
    await deps.lake.prepareWrite(path)
    const { sql } = buildCoarseTile({ bundle, tiles, span })
    const rows = await deps.engine.withSession((session) => writeTile(session, sql, deps.lake.uri(path)), { signal })
    await deps.lake.finishWrite(path)
    data = { path, rows, sizeBytes: (await deps.lake.head(path))?.sizeBytes ?? 0 }
  }
  await deps.ledger.recordCoarseTile(publish, { span, data, commitIds })
  return { span, file: data === null ? null : deps.lake.uri(data.path), commitIds }
}

async function writeTile(session: QuerySession, rows: string, uri: string): Promise<number> {
  await session.execute({ sql: writeCoarseTileSql(rows, uri) })
  const [{ rows: count } = { rows: 0n }] = await session.all({ sql: countRowsSql([uri]) })
  return Number(count)
}
