/**
 * Alerts as signed HTTP posts after the Standard Webhooks specification (headers webhook-id, webhook-timestamp,
 * webhook-signature), so that receivers can check them with any library of that name.
 */
import { Webhook } from 'standardwebhooks'
import { MillcourseError } from '../../../core/errors.js'
import type { AlertChannel, AlertMessage } from '../../../core/ports/alert-channel.js'

export interface WebhookOptions {
  readonly url: string
  /** `whsec_` and base64, shared with the receiver. */
  readonly secret: string
  readonly timeoutMs: number
}

/** @throws MillcourseError CONFIG_INVALID where the secret is not base64 */
export function createWebhookAlertChannel({ url, secret, timeoutMs }: WebhookOptions): AlertChannel {
  const signer = makeSigner(secret)
  return {
    name: 'webhook',
    async send(message) {
      const body = JSON.stringify(payloadOf(message))
      // The receiver refuses old timestamps: the real time of this attempt, whatever clock the watcher pretends.
      const sentAt = new Date()
      const headers = {
        'content-type': 'application/json',
        'webhook-id': message.deliveryId,
        'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1000)),
        'webhook-signature': signer.sign(message.deliveryId, sentAt, body),
      }
      const response = await fetch(url, {
        method: 'POST',
        headers,
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
      }).catch((cause: unknown) => {
        throw undelivered(url, `no answer within ${timeoutMs} ms or connection refused`, cause)
      })
      await response.body?.cancel()
      if (!response.ok) throw undelivered(url, `answered ${response.status}`)
    },
  }
}

function makeSigner(secret: string): Webhook {
  try {
    return new Webhook(secret)
  } catch (cause) {
    throw new MillcourseError('CONFIG_INVALID', 'the webhook secret is not `whsec_` and base64', {
      cause,
      hint: 'set MILLCOURSE_WEBHOOK_SECRET to whsec_$(openssl rand -base64 32)',
    })
  }
}

function payloadOf({ event, incident }: AlertMessage): object {
  return { type: `incident.${event}`, timestamp: incident.updatedAt, data: incident }
}

function undelivered(url: string, why: string, cause?: unknown): MillcourseError {
  // Webhook URLs often carry a token in path or query: only the host is told.
  return new MillcourseError('ALERT_UNDELIVERED', `webhook at ${new URL(url).host} ${why}`, {
    cause,
    hint: 'it is tried again until it is delivered',
    facts: { host: new URL(url).host },
  })
}
