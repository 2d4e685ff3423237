/** Checks of quality beside a random life, and after it: whatever comes, goes and is published meanwhile, nothing of it is a fault. */
import { setTimeout as sleep } from 'node:timers/promises'
import { checkVersion } from '../../activities/check-view.js'
import { checkQuality } from '../../cli/commands/check-quality.js'
import { encodeValues, type OnlineItem, versionTableName } from '../../core/publish/index.js'
import type { QualityCheck } from '../../core/quality/index.js'
import type { Instant } from '../../core/time/instant.js'
import type { RandomWorld } from './random-world.js'

const pauseMs = 300

/** Checks one view after the other until it is stopped. */
export function checkMeanwhile(self: RandomWorld): { stop(): Promise<{ found: string[]; checks: number }> } {
  let isOver = false
  let checks = 0
  const found: string[] = []
  const working = (async () => {
    for (let seed = 1; !isOver; seed++) {
      for (const view of self.views) {
        if (isOver) return
        const check = await self.alone(() => checkOne(self, view.name, seed))
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

/** After all has settled: no fault, whatever the seed, and nothing that is still unsettled. */
export async function findFaults(self: RandomWorld, seeds: readonly number[]): Promise<string[]> {
  const found: string[] = []
  for (const view of self.views)
    for (const seed of seeds) {
      const check = await checkOne(self, view.name, seed)
      found.push(...told(check, `seed ${seed}`))
      if (check.unsettled > 0) found.push(`${view.name}: ${check.unsettled} keys are unsettled`)
      if (check.lags.some(({ cause }) => cause === 'publish-open')) found.push(`${view.name}: a publish is open`)
    }
  return found
}

async function checkOne({ deps }: RandomWorld, view: string, seed: number): Promise<QualityCheck> {
  const bundle = await deps.registry.view(view)
  return await checkVersion(deps, bundle, { seed, sample: 30, before: null }, new AbortController().signal)
}

function told({ view, faults }: QualityCheck, when: string): string[] {
  return faults.map((fault) => `${view} (${when}): ${JSON.stringify(fault)}`)
}

/** Corrupts an item of each view that has one, has the command put it right by a workflow, and looks once more. */
export async function findUnrepaired(self: RandomWorld, now: Instant): Promise<string[]> {
  const { deps, project } = self
  const found: string[] = []
  const context = { ...(await self.context(now)), project }
  for (const { name, version, features, online } of self.views) {
    const end = await deps.ledger.lastPublish({ view: name, version })
    if (!online || end === null) continue
    const bundle = await deps.registry.view(name)
    const named = await deps.ledger.onlineTable({ view: name, version })
    const table = versionTableName(project, bundle.view, named)
    const [item] = await firstItems(self, table)
    if (item === undefined) continue
    await deps.online.putItems(table, [
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

async function firstItems({ deps }: RandomWorld, table: string): Promise<OnlineItem[]> {
  for await (const page of deps.online.scan(table)) {
    const full = page.filter(({ values }) => values !== null)
    if (full.length > 0) return full
  }
  return []
}
