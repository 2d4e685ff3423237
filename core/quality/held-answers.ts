/**
 * What a publish shows where commits leave features out (R35), by its own builders: a lookup's features of the newest rows that have them, windows at the
 * ends that they are held at.
 */
import { chooseTileFiles } from '../compute/choose-tile-files.js'
import type { CompactedCommits, WantedCommit } from '../compute/committed-files.js'
import {
  featureGroups,
  groupFilesOf,
  type HeldWindow,
  type HoldingCommit,
  shownEnd,
} from '../compute/feature-groups.js'
import { buildLatestRows } from '../compute/latest-rows.js'
import { buildWindowValues } from '../compute/window-values.js'
import type { ViewBundle } from '../define/definitions.js'
import { type AnswerTools, keyText, type PublishedAnswer } from '../explain/index.js'
import { type AnsweredGroup, groupedRowsSql, groupedWindowsSql } from '../publish/index.js'
import type { Instant } from '../time/instant.js'

export interface HeldInput {
  readonly bundle: ViewBundle
  /** All that is shown, with what windows at an older end reach besides; `data.path`: URI. */
  readonly commits: readonly (WantedCommit & HoldingCommit)[]
  /** By URIs, the newest first. */
  readonly compactions: readonly CompactedCommits[]
  /** Of the publish. */
  readonly endAt: Instant
  readonly held: readonly HeldWindow[]
  /** URI of the rows, or tiles, of these that were computed again; of the others committed files are read. Null: none was. */
  readonly recomputed: { readonly file: string; readonly commitIds: readonly bigint[] } | null
}

/** By `keyText`. @param keys table of `createKeys` */
export async function heldAnswers(
  tools: AnswerTools,
  input: HeldInput,
  keys: string,
): Promise<Map<string, PublishedAnswer>> {
  const { entity, view } = input.bundle
  const isLookup = view.viewKind === 'lookup'
  const sources = withRecomputed(input)
  const sql = isLookup ? rowsSql(sources, keys) : windowsSql(sources, keys)
  const found = new Map<string, PublishedAnswer>()
  for (const row of await tools.all({ sql })) {
    if (isLookup && row.__is_deleted === true) continue
    const key = entity.keys.map(({ name }) => row[name])
    const values = Object.fromEntries(view.features.map(({ name }) => [name, row[name]]))
    found.set(keyText(input.bundle, key), { values, eventAt: isLookup ? BigInt(row.__event_ns as bigint) : null })
  }
  return found
}

/** As if one compaction held them: of each commit what lies in its interval. */
function withRecomputed(input: HeldInput): HeldInput {
  const { recomputed, commits, compactions } = input
  if (recomputed === null || recomputed.commitIds.length === 0) return input
  const { file: path, commitIds } = recomputed
  const isMade = new Set(commitIds)
  const made = { commitIds, removedIds: commitIds, files: [{ path, bucket: { number: 0, of: 1 } }] }
  return {
    ...input,
    commits: commits.map((one) => (isMade.has(one.commitId) ? { ...one, data: { path } } : one)),
    compactions: [made, ...compactions],
  }
}

const asItIs = (uri: string): string => uri

function rowsSql({ bundle, commits, compactions }: HeldInput, keysFrom: string): string {
  const groups = featureGroups(bundle.view, commits).map((group): AnsweredGroup => {
    const files = groupFilesOf(bundle, group, compactions, asItIs)
    return { features: group.features.map(({ name }) => name), sql: buildLatestRows({ bundle, files, keysFrom }).sql }
  })
  return groupedRowsSql(bundle, groups)
}

function windowsSql({ bundle, commits, compactions, endAt, held }: HeldInput, keysFrom: string): string {
  const sqlAt = (endNs: Instant, of: HeldInput['commits']): string => {
    const tiles = of.map(({ data, ...one }) => ({ ...one, file: data?.path ?? null }))
    const files = chooseTileFiles({ bundle, endNs, commits: tiles, compactions, coarse: [] })
    return buildWindowValues({ bundle, endNs, ...files, keysFrom }).sql
  }
  const [first, ...others] = featureGroups(bundle.view, commits)
  const groups = others.flatMap((group) =>
    group.features.map(({ name }): AnsweredGroup => {
      const { endAt: end } = shownEnd(held, name, endAt)
      const sql = end === null ? null : sqlAt(end, group.commits)
      return { features: [name], sql, isAtOlderEnd: end !== endAt }
    }),
  )
  const features = first!.features.map(({ name }) => name)
  return groupedWindowsSql(bundle, [{ features, sql: sqlAt(endAt, commits) }, ...groups])
}
