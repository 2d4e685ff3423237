/** The items of the looked-at keys, as the table has them now. */
import type { ViewBundle } from '../core/define/definitions.js'
import { isMillcourseError } from '../core/errors.js'
import { keyText } from '../core/explain/index.js'
import { encodeKey, type OnlineItem, type PackedValue } from '../core/publish/index.js'
import type { LookedAtKey } from '../core/quality/index.js'
import type { ActivityDeps } from './activity-deps.js'

/** @param table null: items are no matter */
export async function readItems(
  deps: ActivityDeps,
  { entity, ...rest }: ViewBundle,
  table: string | null,
  keys: readonly (readonly PackedValue[])[],
): Promise<Omit<LookedAtKey, 'isCachedOtherwise'>[]> {
  const bundle = { entity, ...rest }
  const encoded = keys.map((key) => encodeKey(entity.keys, key))
  const items = table === null ? [] : await itemsOf(deps, table, encoded)
  return keys.map((key, index) => ({
    ...{ key, text: keyText(bundle, key), encoded: encoded[index]!, item: items[index] ?? null },
  }))
}

async function itemsOf(deps: ActivityDeps, table: string, keys: readonly Uint8Array[]): Promise<(OnlineItem | null)[]> {
  try {
    return await deps.online.getItems(table, keys)
  } catch (error) {
    // Nothing is served: each key that should be there is at fault.
    if (isMillcourseError(error) && error.code === 'PUBLISH_TABLE_MISSING') return []
    throw error
  }
}
