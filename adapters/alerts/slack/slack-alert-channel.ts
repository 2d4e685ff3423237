/** Alerts as messages of a Slack incoming webhook, in blocks. Whoever knows its URL may post: it is told nowhere. */
import { incidentLines, type Teller, tellIncident } from '../../../core/alert/index.js'
import type { AlertChannel, AlertMessage } from '../../../core/ports/alert-channel.js'
import { postAlert } from '../post-alert.js'

export interface SlackOptions extends Teller {
  readonly name: string
  readonly url: string
  readonly timeoutMs: number
}

/** Slack refuses a header or a text of a section that is longer. */
const headerMax = 150
const textMax = 3_000

export function createSlackAlertChannel(options: SlackOptions): AlertChannel {
  const { name, url, timeoutMs } = options
  return {
    name,
    send: (message) =>
      postAlert({
        ...{ receiver: 'Slack', url, timeoutMs },
        body: JSON.stringify(payloadOf(message, options)),
        // `ok`, or a code as channel_is_archived.
        tell: (text) => (/^[a-z_]{2,60}$/.test(text) ? text : null),
      }),
  }
}

function payloadOf(message: AlertMessage, teller: Teller): object {
  const told = tellIncident(message, teller)
  const { deliveryId, event, incident } = message
  const mark = event === 'resolved' ? ':white_check_mark:' : marks[incident.severity]
  const lines = incidentLines(told).map(([name, text]) => `*${name}* ${name === 'next' ? code(text) : linked(text)}`)
  return {
    // What a notification shows; screen readers, too.
    text: cut(escaped(told.title), textMax),
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: cut(`${mark} ${told.title}`, headerMax), emoji: true } },
      { type: 'section', text: { type: 'mrkdwn', text: fitted(lines, textMax) } },
      {
        type: 'context',
        elements: [{ type: 'mrkdwn', text: cut(`${escaped(incident.key)} · ${deliveryId}`, textMax) }],
      },
    ],
  }
}

const marks = { critical: ':rotating_light:', warning: ':warning:' } as const

/** What Slack reads as a mention, a link or an entity stays text. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function code(text: string): string {
  return `\`${escaped(text).replaceAll('`', "'")}\``
}

function linked(text: string): string {
  return /^https?:\/\/[^\s|<>]+$/.test(text) ? `<${escaped(text)}>` : escaped(text)
}

/** The longest lines are cut, and none is left out: names of hundreds of views keep neither the next command nor the runbook from being told. */
function fitted(lines: readonly string[], max: number): string {
  const cutAt = (lineMax: number) => lines.map((line) => cut(line, lineMax)).join('\n')
  let lineMax = max
  while (cutAt(lineMax).length > max) lineMax = Math.floor(0.9 * lineMax)
  return cutAt(lineMax)
}

function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`
}
