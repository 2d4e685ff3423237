import type { PlanBackfillInput } from '../core/ports/run-control.js'
import { proxySteps } from './proxy-activities.js'

/** A step with a name that a person can ask for: workers reach ledger and source, the command line need not. */
export async function planBackfill(input: PlanBackfillInput): Promise<{ readonly planId: string }> {
  return await proxySteps(input.heartbeatMs).planBackfill(input)
}
