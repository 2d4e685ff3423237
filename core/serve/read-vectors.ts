/** The read path, for the command line and the server alike: keys are encoded, each view is read once, in parallel, vectors assembled. */
import { isMillcourseError, MillcourseError } from '../errors.js'
import type { PublishedEnd } from '../publish/index.js'
import type { Instant } from '../time/instant.js'
import { assembleVector, type ViewRead } from './assemble-vector.js'
import type { ItemsAtEndReader } from './items-at-end.js'
import { parseKey } from './parse-key.js'
import type { VectorPlan } from './plan-vector.js'

export interface Vectors {
  /** In the order of the plan's parts; null: the version was never published. */
  readonly ends: readonly (PublishedEnd | null)[]
  /** In the order of the keys; each in the order of the plan's parts. */
  readonly vectors: readonly (readonly ViewRead[])[]
}

/** Key parts by name, as parse-key.ts takes them. */
export type GivenKey = Readonly<Record<string, unknown>>

/** @throws MillcourseError SERVE_KEY_INVALID (which key, which part), SERVE_SCHEMA_CHANGED; PUBLISH_* of the store */
export async function readVectors(
  readItems: ItemsAtEndReader,
  plan: VectorPlan,
  given: readonly GivenKey[],
  now: Instant,
): Promise<Vectors> {
  // All keys are looked at before anything is read: a request is answered whole or refused whole.
  const keys = given.map((key, index) => encodeParts(plan, key, given.length > 1 ? index : null))
  const stored = await Promise.all(
    plan.parts.map((part, index) =>
      readPart(
        readItems,
        part.table,
        keys.map((encoded) => encoded[index]!),
      ),
    ),
  )
  const vectors = keys.map((_, keyIndex) =>
    plan.parts.map(({ bundle }, index) => {
      const { items, end } = stored[index]!
      return assembleVector({ bundle, item: items[keyIndex] ?? null, end, now })
    }),
  )
  return { ends: stored.map(({ end }) => end), vectors }
}

/** One encoded key per part; null: a part of it is null, which matches nothing (R5). */
function encodeParts(plan: VectorPlan, given: GivenKey, index: number | null): (Uint8Array | null)[] {
  try {
    const known = new Set(plan.keys.map(({ name }) => name))
    const unknown = Object.keys(given).find((name) => !known.has(name))
    if (unknown !== undefined)
      throw new MillcourseError('SERVE_KEY_INVALID', `"${unknown}" is no key of ${plan.kind} "${plan.name}"`, {
        hint: `give ${[...known].map((name) => `${name}=…`).join(' ')}`,
        facts: { key: unknown },
      })
    return plan.parts.map(({ bundle: { entity } }) => {
      const own = entity.keys.filter(({ name }) => given[name] !== undefined).map(({ name }) => [name, given[name]])
      return parseKey(entity, Object.fromEntries(own))
    })
  } catch (error) {
    if (index === null || !isMillcourseError(error)) throw error
    const { hint, facts } = error.detail
    throw new MillcourseError(error.code, `keys[${index}]: ${error.message}`, {
      ...(hint === undefined ? {} : { hint }),
      facts: { ...facts, index },
    })
  }
}

async function readPart(readItems: ItemsAtEndReader, table: string, keys: readonly (Uint8Array | null)[]) {
  const { items, end } = await readItems(
    table,
    keys.filter((key) => key !== null),
  )
  let next = 0
  return { items: keys.map((key) => (key === null ? null : (items[next++] ?? null))), end }
}
