/** The keys that a check looks at: from committed state, from the cache of what is online, and from the table itself. */
import { type CommittedFile, uriOfFile } from '../core/compute/index.js'
import type { ViewBundle } from '../core/define/definitions.js'
import { isMillcourseError } from '../core/errors.js'
import type { CancelSignal } from '../core/ports/cancel-signal.js'
import type { ShownState } from '../core/ports/ledger-quality.js'
import type { EngineRow } from '../core/ports/query-engine.js'
import { encodeKey, type PackedValue, readKey } from '../core/publish/index.js'
import {
  buildCommittedKeysQuery,
  buildPublishedKeysQuery,
  bytesOfHex,
  drawNewestAndOthers,
} from '../core/quality/index.js'
import type { ActivityDeps } from './activity-deps.js'
import { awayFor, fileNotRead, isFileAtFault, passingMax } from './unreadable-files.js'

/** Committed files whose keys are drawn from; a year of hours is not read for a hundred keys. */
const filesMax = 48

export interface SampleInput {
  readonly bundle: ViewBundle
  readonly seed: number
  readonly sample: number
  /** Committed files; compactions first, then own ones, oldest first. */
  readonly files: readonly CommittedFile[]
  /** Null: an offline view, or nothing published. */
  readonly online: { readonly table: string; readonly state: ShownState } | null
  /** Hex: keys at fault when they were looked at last. */
  readonly again: readonly string[]
}

export interface SampledKeys {
  readonly keys: readonly (readonly PackedValue[])[]
  readonly counts: { readonly committed: number; readonly published: number; readonly online: number }
}

export async function sampleKeys(deps: ActivityDeps, input: SampleInput, signal: CancelSignal): Promise<SampledKeys> {
  const { bundle, seed, online } = input
  const each = Math.max(1, Math.ceil(input.sample / (online === null ? 1 : 3)))
  const files = drawNewestAndOthers(input.files, filesMax, seed, uriOfFile)
  const committed = await drawn(deps, bundle, signal, files, (some) =>
    buildCommittedKeysQuery(bundle, some, seed, each),
  )
  const cached = (online?.state.published?.files ?? []).map(({ path }) => deps.lake.uri(path))
  const published = await drawn(deps, bundle, signal, cached, (some) =>
    buildPublishedKeysQuery(bundle, some, seed, each),
  )
  const first = [...committed, ...published][0]
  const items = online === null ? [] : await itemsAfter(deps, bundle, online.table, first, each)
  const again = input.again.flatMap((hex) => decoded(bundle, bytesOfHex(hex)))
  const all = [...again, ...committed, ...published, ...items]
  const keys = new Map(all.map((key) => [encodeKey(bundle.entity.keys, key).join(), key]))
  return {
    keys: [...keys.values()],
    counts: { committed: committed.length, published: published.length, online: items.length },
  }
}

/** A file that cannot be read is left out here: who compares its values says so. */
async function drawn<File extends CommittedFile>(
  deps: ActivityDeps,
  { entity }: ViewBundle,
  signal: CancelSignal,
  files: readonly File[],
  query: (files: readonly File[]) => { readonly sql: string },
): Promise<PackedValue[][]> {
  let left = [...files]
  for (let passed = 0; left.length > 0; )
    try {
      const some = query(left)
      const rows = await deps.engine.withSession((session) => session.all(some), { signal })
      return rows.map((row: EngineRow) => entity.keys.map((_, part) => row[`k${part}`] as PackedValue))
    } catch (error) {
      const file = fileNotRead(error)
      const uris = left.map(uriOfFile)
      if (file === null || !uris.includes(file)) throw error
      if (await isFileAtFault(deps, error, file, { others: uris.reverse(), signal }))
        left = left.filter((one) => uriOfFile(one) !== file)
      else if (++passed > passingMax) throw awayFor(error, file)
    }
  return []
}

/** The store keeps its items in the order of a hash: those after a key that was drawn are drawn, too. */
async function itemsAfter(
  deps: ActivityDeps,
  bundle: ViewBundle,
  table: string,
  first: readonly PackedValue[] | undefined,
  count: number,
): Promise<PackedValue[][]> {
  const found: PackedValue[][] = []
  const take = async (after?: Uint8Array): Promise<void> => {
    if (found.length >= count) return
    for await (const page of deps.online.scan(table, { partItems: count, ...(after ? { after } : {}) })) {
      found.push(...page.flatMap(({ key }) => decoded(bundle, key)))
      if (found.length >= count) break
    }
  }
  try {
    if (first) await take(encodeKey(bundle.entity.keys, first))
    // The last of them are followed by the first.
    await take()
  } catch (error) {
    // A table that is gone has no items: what should be there tells of it.
    if (!isMillcourseError(error) || error.code !== 'PUBLISH_TABLE_MISSING') throw error
  }
  return found.slice(0, count)
}

/** Empty: no key of this entity. */
function decoded({ entity }: ViewBundle, key: Uint8Array): PackedValue[][] {
  const read = readKey(entity, key)
  return read === null ? [] : [read]
}
