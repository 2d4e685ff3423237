/** Alerts as messages of an SNS topic: words for people, the incident as JSON for programs, attributes to filter by. */
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns'
import { incidentLines, ownersOf, type Teller, tellIncident } from '../../../core/alert/index.js'
import { MillcourseError } from '../../../core/errors.js'
import { redactSecrets } from '../../../core/measure/index.js'
import type { AlertChannel, AlertMessage } from '../../../core/ports/alert-channel.js'

export interface SnsOptions extends Teller {
  readonly name: string
  readonly topic: string
  /** Null: SNS of the topic's region. */
  readonly endpoint: string | null
  readonly timeoutMs: number
}

/** Of an e-mail that SNS sends; ASCII, without line ends. */
const subjectMax = 100
/** SNS takes 256 KiB for all bodies of a message; what hits hundreds of views names them all. In characters, of each text in it. */
const textMax = 3_000
/** Attributes count with the bodies. */
const ownersMax = 100

export function createSnsAlertChannel(options: SnsOptions): AlertChannel {
  const { name, topic, timeoutMs } = options
  // The SDK announces the end of its support for this Node on every start.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
  const client = new SNSClient({
    region: topic.split(':')[3]!,
    ...(options.endpoint === null ? {} : { endpoint: options.endpoint }),
    // Pauses are the watcher's, so that every failure is seen.
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: 3_000,
      requestTimeout: timeoutMs,
      throwOnRequestTimeout: true,
    },
  })
  return {
    name,
    async send(message) {
      try {
        const { MessageId } = await client.send(new PublishCommand(requestOf(message, options)))
        return `message ${MessageId}`
      } catch (error) {
        throw toMillcourse(error, topic)
      }
    },
  }
}

function requestOf(message: AlertMessage, options: SnsOptions): ConstructorParameters<typeof PublishCommand>[0] {
  const { deliveryId, event, incident } = message
  const told = tellIncident(message, options)
  const text = incidentLines(told)
    .map(([name, line]) => `${name}: ${cut(line)}`)
    .join('\n')
  const { project } = options
  const json = JSON.stringify(
    { event, deliveryId, project, ...incident, hits: told.views, runbook: told.runbook },
    (_, value) => (typeof value === 'string' ? cut(value) : value),
  )
  // Subscriptions that show text get words; the rest, which parse, the incident.
  const bodies = { default: json, email: text, sms: told.title.slice(0, 140), 'email-json': json }
  const owners = ownersOf(incident).flatMap((owner) => owner ?? [])
  const attributes = { event, project, rule: incident.rule, severity: incident.severity, owner: owners[0] }
  return {
    TopicArn: options.topic,
    Subject: told.title
      .replaceAll(/[^\x20-\x7e]+/g, '?')
      .trim()
      .slice(0, subjectMax),
    MessageStructure: 'json',
    Message: JSON.stringify(bodies),
    MessageAttributes: {
      ...Object.fromEntries(
        Object.entries(attributes).flatMap(([name, value]) =>
          value ? [[name, { DataType: 'String', StringValue: value }]] : [],
        ),
      ),
      // A filter by one of them is to match.
      ...(owners.length > 1
        ? { owner: { DataType: 'String.Array', StringValue: JSON.stringify(owners.slice(0, ownersMax)) } }
        : {}),
    },
    // In order per incident, and a repeat is none.
    ...(options.topic.endsWith('.fifo')
      ? { MessageGroupId: groupOf(`${project}/${incident.key}`), MessageDeduplicationId: deliveryId }
      : {}),
  }
}

function cut(text: string): string {
  return text.length <= textMax ? text : `${text.slice(0, textMax - 1)}…`
}

/** A FIFO topic takes 128 characters without spaces for it. */
function groupOf(key: string): string {
  return key.replaceAll(/[^!-~]/g, '_').slice(0, 128)
}

interface AwsError {
  readonly name?: string
  readonly code?: unknown
  readonly $metadata?: { readonly httpStatusCode?: number }
}

/** Neither may pass by itself: what is asked for is not there, or not allowed. */
function toMillcourse(error: unknown, topic: string): MillcourseError {
  const { name = 'Error', code, $metadata } = error as AwsError
  const status = $metadata?.httpStatusCode
  const where = `SNS topic ${topic.slice(topic.lastIndexOf(':') + 1)}`
  const isPassing =
    status === undefined || status >= 500 || status === 429 || /Throttl|TooManyRequests|Timeout/i.test(name)
  if (isPassing && name !== 'CredentialsProviderError') {
    const why = typeof code === 'string' ? `${name}, ${code}` : name
    return new MillcourseError('ALERT_UNDELIVERED', `${where} did not take it (${why})`, {
      hint: 'it is tried again until it is delivered',
      facts: { topic },
    })
  }
  const said = redactSecrets(error instanceof Error ? error.message : String(error)).slice(0, 300)
  return new MillcourseError('ALERT_REFUSED', `${where} refuses it: ${name}: ${said}`, {
    hint: 'the process needs credentials with sns:Publish on the topic, and kms:GenerateDataKey and kms:Decrypt on its key, if it has one of its own',
    facts: { topic, refused: /^InvalidParameter/.test(name) ? 'message' : 'channel' },
  })
}
