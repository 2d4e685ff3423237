/** What footers say of tiles before they are read: it changes how long a set takes, never what it holds. */
import {
  buildTileConstantsQuery,
  type TileConstants,
  type TrainingPlan,
  type TrainingSetInput,
  tileConstantsFrom,
} from '../../core/compute/index.js'
import type { QuerySession } from '../../core/ports/query-engine.js'

/** For each view of the plan; null: it has no windows, or nothing was asked. */
export async function tileConstants(
  session: QuerySession,
  plan: TrainingPlan,
  { files, held, coarse }: Required<Pick<TrainingSetInput, 'files' | 'held' | 'coarse'>>,
): Promise<(TileConstants | null)[]> {
  const all: (TileConstants | null)[] = []
  for (const [index, { bundle }] of plan.views.entries()) {
    const read = [
      ...files[index]!,
      ...held[index]!.flatMap((one) => one.files),
      ...coarse[index]!.flatMap(({ file }) => file ?? []),
    ]
    const query = bundle.view.viewKind === 'window' ? buildTileConstantsQuery(read) : null
    all.push(query === null ? null : tileConstantsFrom(await session.all(query)))
  }
  return all
}
