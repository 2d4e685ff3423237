/** The publish step of tick and decide: what is committed and unmarked goes online (R33). */
import { Context } from '@temporalio/activity'
import type { ViewBundle } from '../core/define/definitions.js'
import { assert, assertNever } from '../core/errors.js'
import { isBeingReplaced } from '../core/plan/index.js'
import type { OpenPublishRequest, ViewKey } from '../core/ports/ledger.js'
import { endOfTime, formatInstant, parseInstant } from '../core/time/instant.js'
import type { Interval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import { commitsOfFile } from './commits-of-file.js'
import { type PublishOutcome, publishOnline } from './publish-online.js'
import { publishSlots } from './publish-slots.js'
import { isFileLost, lostFile } from './publish-state.js'
import type { PublishCursor } from './publish-write.js'
import { sparingStep } from './spare-workers.js'
import type { PublishStepResult, PublishViewInput } from './steps.js'

export function publishView(deps: ActivityDeps): (input: PublishViewInput) => Promise<PublishStepResult> {
  return async ({ view, version }) => {
    const bundle = await deps.registry.view(view, version)
    if (!bundle.view.online) return { kind: 'committed', because: 'offline' }
    return await toStepResult(deps, bundle, await publishAsStep(deps, bundle))
  }
}

/** The publish as Temporal's attempt: its name, its cancellation, the cursor of the attempt before; three workers are risked on it. */
export async function publishAsStep(
  deps: ActivityDeps,
  bundle: ViewBundle,
  backfill?: OpenPublishRequest['backfill'],
): Promise<PublishOutcome | typeof waits> {
  const { inSlot } = deps.publishing ?? anySlot
  const context = Context.current()
  const { workflowExecution, attempt } = context.info
  assert(workflowExecution, 'a publish is called by a workflow')
  const cursor = readCursor(context.info.heartbeatDetails)
  const { name: view, version } = bundle.view
  const { engine, heartbeat } = await sparingStep(deps.engine, cursor, () =>
    deps.ledger.giveUpPublish({ view, version }),
  )
  const publish = () =>
    publishOnline({ ...deps, engine }, bundle, {
      ...{ workflowRunId: workflowExecution.runId, attempt, cursor, heartbeat },
      signal: context.cancellationSignal,
      ...(backfill ? { backfill } : {}),
    })
  return await inSlot(backfill ? 'backfill' : 'scheduled', () => waitingForRepair(deps, bundle, publish))
}

const anySlot = publishSlots(null)

/** A repair is under way, and what cannot be read is about to be replaced. */
const waits = { kind: 'waits' } as const

/**
 * Of a compaction that cannot be read many intervals run again: until the last of them is committed it is read, and no publish can be
 * made. Whoever commits last publishes: it finds no other that is to come, also where the publish failed before and one came since.
 */
async function waitingForRepair(
  deps: ActivityDeps,
  { view: { name: view, version, since } }: ViewBundle,
  publish: () => Promise<PublishOutcome>,
): Promise<PublishOutcome | typeof waits> {
  const key = { view, version }
  for (let turn = 0; ; turn++) {
    try {
      return await publish()
    } catch (error) {
      if (!isFileLost(error) || !(await deps.ledger.isRebuildAsked(key))) throw error
      const span = { start: parseInstant(since), end: endOfTime }
      if (await isFileBeingReplaced(deps, key, { uri: lostFile(error), span })) return waits
      if (turn > 0) throw error
    }
  }
}

/** Something that lies in it runs again. What else does is no reason to wait: the file would be as unreadable afterwards. */
async function isFileBeingReplaced(
  deps: ActivityDeps,
  key: ViewKey,
  { uri, span }: { readonly uri: string | null; readonly span: Interval },
): Promise<boolean> {
  const replaced = (await deps.ledger.unsettledIntervals(key, span)).filter(isBeingReplaced)
  // Not every fault of S3 names its file.
  if (replaced.length === 0 || uri === null) return replaced.length > 0
  const lying = new Set((await commitsOfFile(deps, key, { uri, span })).map(({ interval }) => interval.start))
  return replaced.some(({ interval }) => lying.has(interval.start))
}

function readCursor(details: unknown): PublishCursor | null {
  const { sequence, items } = (details as Partial<PublishCursor> | null | undefined) ?? {}
  return sequence === undefined || items === undefined ? null : { sequence, items }
}

/** @param isCovered whether what the caller committed is online by another's publish; absent: nothing of its own */
export async function toStepResult(
  deps: ActivityDeps,
  { view: { name, version } }: ViewBundle,
  outcome: PublishOutcome | typeof waits,
  isCovered?: () => Promise<boolean>,
): Promise<PublishStepResult> {
  const key = { view: name, version }
  switch (outcome.kind) {
    case 'finished': {
      const { keyCounts, itemsWritten, endAt } = outcome
      if (isCovered !== undefined && !(await isCovered())) return { kind: 'committed', because: 'blocked' }
      return { kind: 'published', keyCounts, itemsWritten, endAt: formatInstant(endAt) }
    }
    case 'nothing': {
      const last = await deps.ledger.lastPublish(key)
      const isOnline = isCovered === undefined ? (await deps.ledger.unmarkedCommits(key)) === 0 : await isCovered()
      if (last === null || !isOnline) return { kind: 'committed', because: 'blocked' }
      return { kind: 'published', keyCounts: null, itemsWritten: 0, endAt: formatInstant(last.endAt) }
    }
    case 'waits':
      return { kind: 'committed', because: 'repair' }
    case 'busy':
    case 'overtaken':
      return { kind: 'committed', because: 'lease' }
    default:
      return assertNever(outcome)
  }
}
