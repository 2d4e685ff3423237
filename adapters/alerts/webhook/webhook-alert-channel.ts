/**
 * Alerts as signed HTTP posts after the Standard Webhooks specification (headers webhook-id, webhook-timestamp,
 * webhook-signature), so that receivers can check them with any library of that name.
 */
import { Webhook } from 'standardwebhooks'
import { type Teller, tellIncident } from '../../../core/alert/index.js'
import { MillcourseError } from '../../../core/errors.js'
import type { AlertChannel, AlertMessage } from '../../../core/ports/alert-channel.js'
import { postAlert } from '../post-alert.js'

export interface WebhookOptions extends Teller {
  readonly name: string
  readonly url: string
  /** `whsec_` and base64, shared with the receiver. */
  readonly secret: string
  readonly timeoutMs: number
}

/** @throws MillcourseError CONFIG_INVALID where the secret is not base64 */
export function createWebhookAlertChannel(options: WebhookOptions): AlertChannel {
  const { name, url, secret, timeoutMs } = options
  const signer = makeSigner(secret)
  return {
    name,
    async send(message) {
      const body = JSON.stringify(payloadOf(message, options))
      // The receiver refuses old timestamps: the real time of this attempt, whatever clock the watcher pretends.
      const sentAt = new Date()
      const headers = {
        'webhook-id': message.deliveryId,
        'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1000)),
        'webhook-signature': signer.sign(message.deliveryId, sentAt, body),
      }
      return await postAlert({ receiver: 'webhook', url, headers, body, timeoutMs })
    },
  }
}

function makeSigner(secret: string): Webhook {
  try {
    return new Webhook(secret)
  } catch {
    throw new MillcourseError('CONFIG_INVALID', 'the webhook secret is not `whsec_` and base64', {
      hint: 'make one: whsec_$(openssl rand -base64 32)',
    })
  }
}

/** The incident as the ledger keeps it, and what a message adds to it. */
function payloadOf(message: AlertMessage, teller: Teller): object {
  const { event, incident } = message
  const { views, firstCause, runbook } = tellIncident(message, teller)
  const data = { ...incident, project: teller.project, hits: views, firstCause, runbook }
  return { type: `incident.${event}`, timestamp: incident.updatedAt, data }
}
