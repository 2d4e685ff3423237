/** A publish of its own: for commits that no run carried online, when no publish is open (R33). Started by a tick or a decision. */
import type { PublishStepResult, PublishViewInput } from '../activities/steps.js'
import { proxySteps } from './proxy-activities.js'

export async function publish(input: PublishViewInput): Promise<PublishStepResult> {
  return proxySteps(input.heartbeatMs).publishView(input)
}
