import type { LedgerWriter } from '../../core/ports/ledger.js'
import type { Telemetry } from '../../core/ports/telemetry.js'

/** Transactions that move a run or a publish on. Reads are timed only, and the lease's pulse would drown the trace. */
const steps: ReadonlySet<string> = new Set<keyof LedgerWriter>([
  ...(['startRun', 'pinRun', 'recordProgress', 'endRun', 'commitRun', 'recordCoarseTile'] as const),
  ...(['reopenIntervals', 'indexFiles', 'applyDecision'] as const),
  ...(['openPublish', 'recordDelta', 'finishPublish', 'releaseLease', 'passSequence'] as const),
])

/** The same ledger; how long its calls take and what fails is told to `telemetry`. */
export function measuredLedger(ledger: LedgerWriter, telemetry: Telemetry): LedgerWriter {
  return new Proxy(ledger, {
    get(target, call, receiver) {
      const method: unknown = Reflect.get(target, call, receiver)
      if (typeof method !== 'function' || typeof call !== 'string') return method
      return (...args: readonly unknown[]) => {
        const work = () => timed(telemetry, call, async () => method.apply(target, args))
        return steps.has(call) ? telemetry.span(`ledger ${call}`, { 'db.system.name': 'postgresql' }, work) : work()
      }
    },
  })
}

async function timed(telemetry: Telemetry, call: string, work: () => Promise<unknown>): Promise<unknown> {
  const startedMs = performance.now()
  try {
    return await work()
  } catch (error) {
    const { code } = (error ?? {}) as { readonly code?: unknown }
    telemetry.count('millcourse_ledger_errors_total', { code: typeof code === 'string' ? code : 'INTERNAL' })
    throw error
  } finally {
    telemetry.observe('millcourse_ledger_call_duration_seconds', { call }, (performance.now() - startedMs) / 1_000)
  }
}
