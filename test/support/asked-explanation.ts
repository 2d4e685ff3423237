import type { ActivityDeps } from '../../activities/activity-deps.js'
import { SystemClock } from '../../adapters/clock/system-clock.js'
import { explain } from '../../cli/commands/explain.js'
import type { CliContext } from '../../cli/context.js'
import type { ExplainFacts } from '../../cli/explain-screen/explain-facts.js'
import { parseInstant } from '../../core/time/instant.js'

export type AskedExplanation = ExplainFacts & { readonly text: string }

/** What `explain VIEW KEY --at AT` answers at the time `now`, its screen with it. */
export async function askedExplanation(
  { ledger, registry, lake, sources, engine, online, settings }: ActivityDeps,
  { view, key, at, now }: { readonly view: string; readonly key: string; readonly at: string; readonly now: string },
): Promise<AskedExplanation> {
  const context = {
    ...{ ledger: async () => ledger, registry: async () => registry, lake: async () => lake },
    ...{ sources: async () => sources, engine: async () => engine, online: async () => online },
    ...{ project: settings.project, clock: new SystemClock(parseInstant(now)), givenOptions: '' },
    ...{ progress: { update() {}, line() {}, end() {} }, signal: new AbortController().signal },
  } as unknown as CliContext
  const { data, text } = await explain(context, view, [key], { at })
  return { ...(data as ExplainFacts), text }
}
