import { isMillcourseError, MillcourseError } from '../../core/errors.js'
import { redactSecrets } from '../../core/measure/index.js'
import type { AlertChannel, AlertMessage } from '../../core/ports/alert-channel.js'
import { formatInstant, type IsoInstant } from '../../core/time/instant.js'
import type { CliContext, Report } from '../context.js'

interface Answer {
  readonly channel: string
  readonly type: string
  readonly event: AlertMessage['event']
  readonly isTaken: boolean
  readonly answer: string
}

/** Sends each channel an incident that is marked as a test, and its end; says what came back. */
export async function testAlerts(context: CliContext, names: readonly string[]): Promise<Report> {
  const { routing, open, from } = await context.alerts()
  const asked = names.length > 0 ? names : Object.keys(routing.channels)
  if (asked.length === 0)
    throw new MillcourseError('CONFIG_INVALID', 'there is no channel to test: alerts go to the log alone', {
      hint: 'docs/incidents.md says how channels and routes are written',
    })
  const channels = []
  for (const name of asked) channels.push(await open(name))
  const at = formatInstant(context.clock.realNow())
  const answers: Answer[] = []
  for (const channel of channels) {
    context.progress.update(`telling ${channel.name}`)
    const { type } = routing.channels[channel.name]!
    for (const event of ['opened', 'resolved'] as const) {
      const answer = await tell(channel, messageOf(channel.name, event, at))
      answers.push({ channel: channel.name, type, event, ...answer })
      if (!answer.isTaken) break
    }
  }
  const isDone = answers.every(({ isTaken }) => isTaken)
  return {
    outcome: isDone ? 'done' : answers.some(({ isTaken }) => isTaken) ? 'partly' : 'failed',
    data: { from, answers },
    text: answers
      .map(
        ({ channel, type, event, isTaken, answer }) =>
          `${isTaken ? 'ok   ' : 'WRONG'}  ${channel} (${type})  ${event}: ${answer}`,
      )
      .join('\n'),
  }
}

async function tell(channel: AlertChannel, message: AlertMessage): Promise<Pick<Answer, 'isTaken' | 'answer'>> {
  try {
    return { isTaken: true, answer: await channel.send(message) }
  } catch (error) {
    if (!isMillcourseError(error)) throw error
    return { isTaken: false, answer: redactSecrets(`${error.code}: ${error.message}`) }
  }
}

function messageOf(channel: string, event: 'opened' | 'resolved', at: IsoInstant): AlertMessage {
  const key = `test/${channel}`
  return {
    deliveryId: `msg_test_${event}_${at.replaceAll(/\D/g, '')}`,
    event,
    incident: {
      ...{ key, rule: 'undelivered', severity: 'warning', view: null, version: null, owner: null },
      ...{ openedAt: at, updatedAt: at, resolvedAt: event === 'resolved' ? at : null },
      summary: `a test of channel ${channel}: nothing is wrong`,
      nextStep: `millcourse alerts test ${channel}`,
      facts: { channel, isTest: 'true' },
    },
  }
}
