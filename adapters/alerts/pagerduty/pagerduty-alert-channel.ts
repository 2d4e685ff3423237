/**
 * Alerts as events of PagerDuty's Events API v2: an incident that opens or changes triggers, one that somebody has in hand is acknowledged,
 * one that is gone resolves, under one `dedup_key`, so that a repeat opens nothing twice.
 */
import { createHash } from 'node:crypto'
import { type Teller, tellIncident } from '../../../core/alert/index.js'
import type { AlertChannel, AlertMessage } from '../../../core/ports/alert-channel.js'
import { postAlert } from '../post-alert.js'

export interface PagerDutyOptions extends Teller {
  readonly name: string
  /** The integration's: it chooses the service, and whoever knows it may page. */
  readonly routingKey: string
  readonly url: string
  readonly timeoutMs: number
}

export const pagerDutyUrl = 'https://events.pagerduty.com/v2/enqueue'

/** PagerDuty's limits, in characters. */
const dedupKeyMax = 255
const summaryMax = 1_024

export function createPagerDutyAlertChannel(options: PagerDutyOptions): AlertChannel {
  const { name, url, routingKey, timeoutMs } = options
  return {
    name,
    send: (message) =>
      postAlert({
        ...{ receiver: 'PagerDuty', url, timeoutMs },
        body: JSON.stringify(eventOf(message, options)),
        tell: (text) => told(text)?.replaceAll(routingKey, '[routing key]').slice(0, 300) ?? null,
      }),
  }
}

/** PagerDuty says what it did, or what it has against the event. */
function told(text: string): string | null {
  try {
    const { status, message, errors } = JSON.parse(text) as Record<string, unknown>
    const details = Array.isArray(errors) ? errors.filter((one) => typeof one === 'string') : []
    return [status, message, ...details].filter((one) => typeof one === 'string').join(', ') || null
  } catch {
    return null
  }
}

function eventOf(message: AlertMessage, options: PagerDutyOptions): object {
  const { event, incident, deliveryId } = message
  const { project, routingKey } = options
  const head = { routing_key: routingKey, event_action: actions[event], dedup_key: dedupKey(project, incident.key) }
  if (head.event_action !== 'trigger') return head
  const { title, what, since, views, services, firstCause, next, runbook } = tellIncident(message, options)
  return {
    ...head,
    client: 'Millcourse',
    payload: {
      summary: title.slice(0, summaryMax),
      source: project,
      severity: incident.severity,
      timestamp: incident.updatedAt,
      class: incident.rule,
      ...(incident.owner === null ? {} : { group: incident.owner }),
      ...(views === '' ? {} : { component: views.slice(0, summaryMax) }),
      custom_details: { what, since, views, services, first_cause: firstCause, next, runbook, delivery: deliveryId },
    },
    links: /^https?:/.test(runbook) ? [{ href: runbook, text: 'runbook' }] : [],
  }
}

const actions: Readonly<Record<AlertMessage['event'], 'trigger' | 'acknowledge' | 'resolve'>> = {
  ...{ opened: 'trigger', updated: 'trigger', escalated: 'trigger', silence_ended: 'trigger' },
  ...{ acknowledged: 'acknowledge', silenced: 'acknowledge' },
  resolved: 'resolve',
}

/** The incident's key, of its project: one service of PagerDuty may hear of several. */
export function dedupKey(project: string, key: string): string {
  const whole = `${project}/${key}`
  if (whole.length <= dedupKeyMax) return whole
  return `${whole.slice(0, dedupKeyMax - 33)}#${createHash('sha256').update(whole).digest('hex').slice(0, 32)}`
}
