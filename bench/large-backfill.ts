/** A backfill that outlasts a round of ticks, and ends when it is over: what it has committed is published then. */
import { setTimeout as sleep } from 'node:timers/promises'
import { backfillInput } from '../core/ports/run-control.js'
import { formatInstant } from '../core/time/instant.js'
import type { BenchProject } from './bench-stack.js'
import { historyHours, historySince, historyView, hourNs } from './interference-world.js'

const atOnce = 4
const lookEveryMs = 200

export interface LargeBackfill {
  /** @throws Error where it has come to its end by itself */
  stopUnderWay(): Promise<void>
}

/** Of what of the history has not run yet; begins to run before this returns. */
export async function startLargeBackfill({ config, ports }: BenchProject): Promise<LargeBackfill> {
  const [ledger, control] = [await ports.ledger(), await ports.runControl()]
  const to = formatInstant(historySince + BigInt(historyHours) * hourNs)
  const range = { from: formatInstant(historySince), to }
  const { planId } = await control.planBackfill({
    ...{ view: historyView, range, now: to },
    options: { order: 'oldest', isForced: false, onFailure: 'stop', atOnce },
  })
  const started = await control.startBackfill({ planId, by: 'bench', reason: 'to be beside', costMax: null, now: to })
  if (started.kind !== 'started') throw new Error(`the backfill is ${started.kind}`)
  const { backfillId } = started
  while ((await ledger.backfillProgress(backfillId)).done < atOnce) await sleep(lookEveryMs)
  return {
    async stopUnderWay() {
      const { left, failed } = await ledger.backfillProgress(backfillId)
      if (left === 0 || failed > 0)
        throw new Error(`the backfill was over before the round: ${left} left, ${failed} failed`)
      await ledger.changeBackfill(backfillId, { to: 'cancel', by: 'bench', reason: 'the round is over' })
      await control.wakeBackfill(backfillInput(config.project, (await ledger.backfill(backfillId))!))
      while ((await ledger.backfill(backfillId))!.endedAt === null) await sleep(lookEveryMs)
    },
  }
}
