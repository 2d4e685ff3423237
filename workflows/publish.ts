/** A publish of its own: for commits that no run carried online, when no publish is open (R33). Started by a tick or a decision. */
import type { PublishStepResult, PublishViewInput } from '../activities/steps.js'
import { proxySteps } from './proxy-activities.js'
import { notingEnd } from './search-attributes.js'

export async function publish(input: PublishViewInput): Promise<PublishStepResult> {
  const publishing = () => proxySteps(input.heartbeatMs).publishView(input)
  return notingEnd(input.labels, {}, publishing, ({ kind }) => kind)
}
