/** What a world shows at one time: published ends and online items, as they lie there. */
import type { OnlineItem } from '../../core/publish/index.js'
import { versionTableName } from '../../core/publish/index.js'
import { instantToMs } from '../../core/time/instant.js'
import type { DrillWorld } from '../world/drill-world.js'

export interface ViewSeen {
  readonly endMs: number | null
  /** By the key's hex. */
  readonly items: ReadonlyMap<string, OnlineItem>
}

export async function observeViews(world: DrillWorld): Promise<ReadonlyMap<string, ViewSeen>> {
  const online = await world.ports.online()
  const seen = new Map<string, ViewSeen>()
  for (const view of world.views) {
    const table = await tableOf(world, view)
    const items = new Map<string, OnlineItem>()
    for await (const part of online.scan(table))
      for (const item of part) items.set(Buffer.from(item.key).toString('hex'), item)
    const end = await online.getEnd(table)
    seen.set(view, { endMs: end === null ? null : instantToMs(end.endAt), items })
  }
  return seen
}

export async function tableOf({ ports, project }: DrillWorld, view: string): Promise<string> {
  const named = await (await ports.ledger()).onlineTable({ view, version: 1 })
  return versionTableName(project, { name: view, version: 1 }, named)
}

/** The end up to which a view is published; null: nothing is. */
export async function publishedEndMs({ ports }: DrillWorld, view: string): Promise<number | null> {
  const published = await (await ports.ledger()).lastPublish({ view, version: 1 })
  return published === null ? null : instantToMs(published.endAt)
}

/** The same as whoever reads values is shown it: never older, whatever became of the ledger. */
export async function onlineEndMs(world: DrillWorld, view: string): Promise<number | null> {
  const end = await (await world.ports.online()).getEnd(await tableOf(world, view))
  return end === null ? null : instantToMs(end.endAt)
}
