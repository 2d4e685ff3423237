/** A backfill that outlasts a round of ticks: paused until it is to be beside them, and ended before the last ones, so that its publish is, too. */
import { setTimeout as sleep } from 'node:timers/promises'
import { isMillcourseError } from '../core/errors.js'
import type { BackfillChange } from '../core/ports/backfill-ledger.js'
import { backfillInput } from '../core/ports/run-control.js'
import { formatInstant } from '../core/time/instant.js'
import type { BenchProject } from './bench-stack.js'
import { historySince, historyView, since } from './interference-world.js'

const atOnce = 4
const lookEveryMs = 200

export interface LargeBackfill {
  /** Begins to run before this returns. */
  goOn(): Promise<void>
  /** Begins nothing more, and publishes what it has committed. @throws Error where it has come to its end by itself */
  endUnderWay(): Promise<void>
  /** It has published. */
  untilEnded(): Promise<void>
}

/** Of what of the history has not run yet: open, so that ticks leave it alone, and at rest. */
export async function startLargeBackfill({ config, ports }: BenchProject): Promise<LargeBackfill> {
  const [ledger, control] = [await ports.ledger(), await ports.runControl()]
  const now = formatInstant(since)
  const plan = async () => {
    const { planId } = await control.planBackfill({
      ...{ view: historyView, range: { from: formatInstant(historySince), to: now }, now },
      options: { order: 'oldest', isForced: false, onFailure: 'stop', atOnce },
    })
    return await control.startBackfill({ planId, by: 'bench', reason: 'to be beside', costMax: null, now })
  }
  // A tick may have run one of its intervals between plan and start: then it is planned again.
  const started = await plan().catch((error: unknown) => {
    if (!isMillcourseError(error) || error.code !== 'BACKFILL_PLAN_MOVED') throw error
    return plan()
  })
  if (started.kind !== 'started') throw new Error(`the backfill is ${started.kind}`)
  const { backfillId } = started
  const tell = async (to: BackfillChange) => {
    const backfill = await ledger.changeBackfill(backfillId, { to, by: 'bench', reason: 'the round asks for it' })
    await control.wakeBackfill(backfillInput(config.project, backfill))
  }
  await tell('pause')
  while ((await ledger.backfillProgress(backfillId)).running > 0) await sleep(lookEveryMs)
  return {
    async goOn() {
      const { done } = await ledger.backfillProgress(backfillId)
      await tell('resume')
      while ((await ledger.backfillProgress(backfillId)).done < done + atOnce) await sleep(lookEveryMs)
    },
    async endUnderWay() {
      const { left, failed } = await ledger.backfillProgress(backfillId)
      if (left === 0 || failed > 0)
        throw new Error(`the backfill was over before the round: ${left} left, ${failed} failed`)
      await tell('cancel')
    },
    async untilEnded() {
      while ((await ledger.backfill(backfillId))!.endedAt === null) await sleep(lookEveryMs)
    },
  }
}
