import type { IncidentChange } from '../watch/incident.js'

/** One way to people: a webhook, a Slack channel, a PagerDuty service. */
export interface AlertChannel {
  /** As routes name it. */
  readonly name: string
  /**
   * Delivers what happened to an incident. May be repeated: the receiver tells repeats by `deliveryId` (PagerDuty by the incident's key).
   * @returns what the receiver answered, in a few words without a secret
   * @throws MillcourseError ALERT_UNDELIVERED where it may be taken later (fact `retryAfterMs`: not before), ALERT_REFUSED where it will be
   *   refused again (fact `refused`: the `message` alone, or whatever this `channel` is told)
   */
  send(message: AlertMessage): Promise<string>
}

export interface AlertMessage extends IncidentChange {
  /** The same for every repeat of one delivery. */
  readonly deliveryId: string
}
