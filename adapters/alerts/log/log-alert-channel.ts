import type { AlertChannel } from '../../../core/ports/alert-channel.js'

/** Alerts as structured log lines: whatever the routes say, and what is left when there are none. */
export function createLogAlertChannel(log: {
  warn(facts: object, message: string): void
  info(facts: object, message: string): void
}): AlertChannel {
  return {
    name: 'log',
    async send({ event, incident, deliveryId }) {
      const write = event === 'resolved' ? log.info.bind(log) : log.warn.bind(log)
      write({ event, deliveryId, ...incident }, `incident ${event}: ${incident.summary}`)
      return 'logged'
    },
  }
}
