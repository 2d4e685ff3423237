import type { AlertChannel } from '../../../core/ports/alert-channel.js'

/** Alerts as structured log lines: what is left when no other route is configured. */
export function createLogAlertChannel(log: {
  warn(facts: object, message: string): void
  info(facts: object, message: string): void
}): AlertChannel {
  return {
    name: 'log',
    async send({ event, incident, deliveryId }) {
      const write = event === 'resolved' ? log.info.bind(log) : log.warn.bind(log)
      write({ event, deliveryId, ...incident }, `incident ${event}: ${incident.summary}`)
    },
  }
}
