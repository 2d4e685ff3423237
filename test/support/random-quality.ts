/** Checks of quality beside a random life, and after it: whatever comes, goes and is published meanwhile, nothing of it is a fault. */
import { setTimeout as sleep } from 'node:timers/promises'
import { checkVersion } from '../../activities/check-view.js'
import { checkQuality } from '../../cli/commands/check-quality.js'
import { encodeValues, type OnlineItem, versionTableName } from '../../core/publish/index.js'
import { type Fault, type FaultCause, faultCauses, hexOf, type QualityCheck } from '../../core/quality/index.js'
import type { Instant } from '../../core/time/instant.js'
import { toIsoInterval } from '../../core/time/interval.js'
import type { RandomWorld } from './random-world.js'

/** A check costs a second of a core or more: more often they would take most of what a life costs. */
const pauseMs = 1500

/** Checks one view after the other until it is stopped. */
export function checkMeanwhile(self: RandomWorld): { stop(): Promise<{ found: string[]; checks: number }> } {
  let isOver = false
  let checks = 0
  const found: string[] = []
  const last = new Map<string, QualityCheck>()
  const working = (async () => {
    for (let seed = 1; !isOver; seed++) {
      for (const view of self.views) {
        if (isOver) return
        const check = await self.alone(() => checkOne(self, view.name, seed, last.get(view.name)))
        last.set(view.name, check)
        checks++
        found.push(...told(check, `while days were played, check ${checks}`))
      }
      await sleep(pauseMs)
    }
  })()
  return {
    stop: async () => {
      isOver = true
      await working
      return { found, checks }
    },
  }
}

/** After all has settled: no fault, whatever the seed, and nothing that is still unsettled; what was a fault before is none any more. */
export async function findFaults(self: RandomWorld, seeds: readonly number[]): Promise<string[]> {
  const found: string[] = []
  for (const view of self.views)
    for (const seed of seeds) {
      const check = await checkOne(self, view.name, seed, await lastCheck(self, view.name))
      if (seed === seeds[0]) found.push(...(await findLasting(self, check)))
      found.push(...told(check, `seed ${seed}`))
      if (check.unsettled > 0) found.push(`${view.name}: ${check.unsettled} keys are unsettled`)
      if (check.lags.some(({ cause }) => cause === 'publish-open')) found.push(`${view.name}: a publish is open`)
    }
  return found
}

/** Had everything of one key been at fault: all of it is judged now, but for rows that no check computes again. */
async function findLasting(self: RandomWorld, check: QualityCheck): Promise<string[]> {
  const { deps } = self
  const { view, version, seed } = check
  const item = (await itemsOf(self, view))[0]
  if (item === undefined) return []
  const fault: Fault = {
    ...{ cause: 'online-item', key: {}, keyHex: hexOf(item.key), interval: null, file: null, features: [] },
    ...{ expected: null, found: null, isRepairable: true },
  }
  const commits = await deps.ledger.currentCommits({ view, version }, { start: 0n, end: 1n << 62n })
  const rows = commits.map(({ commitId, interval, data }): Fault => {
    const file = data && deps.lake.uri(data.path)
    return {
      ...{ ...fault, cause: 'committed-file', commitId: String(commitId), interval: toIsoInterval(interval), file },
    }
  })
  const others = [
    ...faultCauses.flatMap((cause) => (ofKeys(cause) ? [{ ...fault, cause }] : [])),
    ...rows.map((one) => ({ ...one, key: null, keyHex: null })),
  ]
  const judged = await checkOne(self, view, seed, { ...check, faults: others, faultsLeft: 1 })
  // What items should be is not said where rows are known to be wrong and are not computed again.
  const after = await checkOne(self, view, seed, { ...check, faults: rows, faultsLeft: 1 })
  const { recomputed, older = 0 } = after.intervals
  const lasting = rows.length - recomputed - older
  // What ends leaves that something may have been published from it.
  const stood = after.faults.filter(({ cause }) => cause !== 'published-from')
  const left = stood.filter(({ cause, keyHex }) => cause !== 'committed-file' || keyHex === null)
  const isCounted = [judged, after].some(({ faults, faultsLeft }) => faultsLeft > 0 && faults.length === 0)
  return [
    ...told(judged, 'made up'),
    ...told({ ...after, faults: left }, 'made up of rows'),
    ...(stood.length > lasting || isCounted ? [`${view}: made up ${stood.length} of ${lasting}`] : []),
  ]
}

/** Whether a key may be at fault by it, and whatever says so of it ends with the next check. */
function ofKeys(cause: FaultCause): boolean {
  return cause !== 'committed-file' && cause !== 'published-from'
}

async function lastCheck({ deps }: RandomWorld, view: string): Promise<QualityCheck | undefined> {
  return (await deps.ledger.qualityChecks()).find((one) => one.view === view)
}

async function checkOne(
  { deps }: RandomWorld,
  view: string,
  seed: number,
  before: QualityCheck | null = null,
): Promise<QualityCheck> {
  const bundle = await deps.registry.view(view)
  return await checkVersion(deps, bundle, { seed, sample: 30, before }, new AbortController().signal)
}

function told({ view, faults }: QualityCheck, when: string): string[] {
  return faults.map((fault) => `${view} (${when}): ${JSON.stringify(fault)}`)
}

/** Corrupts an item of each view that has one, has the command put it right by a workflow, and looks once more. */
export async function findUnrepaired(self: RandomWorld, now: Instant): Promise<string[]> {
  const { deps, project } = self
  const found: string[] = []
  const context = { ...(await self.context(now)), project }
  for (const { name, features, online } of self.views) {
    const [item] = online ? await itemsOf(self, name) : []
    if (item === undefined) continue
    await deps.online.putItems(await tableOf(self, name), [
      {
        ...item,
        values: encodeValues(
          features,
          features.map(() => null),
        ),
      },
    ])
    const options = { sample: 30, repair: true, reason: 'a test', timeout: '2m' }
    const { outcome, data, text } = await checkQuality(context, [name], options)
    const { checks } = data as { readonly checks: readonly QualityCheck[] }
    if (!checks[0]?.faults.some(({ cause }) => cause === 'online-item')) found.push(`${name}: not found: ${text}`)
    if (outcome !== 'done') found.push(`${name}: ${outcome}: ${text}`)
  }
  return [...found, ...(await findFaults(self, [3]))]
}

async function tableOf({ deps, project }: RandomWorld, name: string): Promise<string> {
  const { view } = await deps.registry.view(name)
  return versionTableName(project, view, await deps.ledger.onlineTable({ view: name, version: view.version }))
}

/** Some that have values; none where nothing was published. */
async function itemsOf(self: RandomWorld, name: string): Promise<OnlineItem[]> {
  const { deps } = self
  const { view } = await deps.registry.view(name)
  if (!view.online || (await deps.ledger.lastPublish({ view: name, version: view.version })) === null) return []
  for await (const page of deps.online.scan(await tableOf(self, name))) {
    const full = page.filter(({ values }) => values !== null)
    if (full.length > 0) return full
  }
  return []
}
