import type { IncidentChange } from '../watch/incident.js'

/** Delivers what happened to an incident. May be repeated: the receiver tells repeats by `deliveryId`. @throws MillcourseError ALERT_UNDELIVERED */
export interface AlertChannel {
  readonly name: string
  send(message: AlertMessage): Promise<void>
}

export interface AlertMessage extends IncidentChange {
  /** The same for every repeat of one delivery. */
  readonly deliveryId: string
}
