/** Who is on call in a drill: a real HTTP receiver of the webhook channel that believes only what is signed, and keeps when it came. */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import type { IncidentEvent } from '../../core/watch/index.js'
import type { Alarm } from '../alarm.js'

export interface Heard {
  readonly atMs: number
  readonly event: IncidentEvent
  readonly alarm: Alarm
  readonly key: string
  readonly summary: string
  /** The incident's own word; of a dead-man switch when it fell silent. */
  readonly openedAtMs: number
}

export interface IncidentReceiver {
  /** Where incidents are posted. */
  readonly url: string
  /** What a watcher fetches to say that it lives. */
  readonly heartbeatUrl: string
  readonly secret: string
  /** In the order they came, each message once. */
  readonly heard: readonly Heard[]
  /** When a sign of life came last; null: none has. */
  lastBeatMs(): number | null
  /** From the first sign of life on, so long a silence is an alarm, and the next sign its end. */
  armDeadManSwitch(silenceMs: number): void
  close(): Promise<void>
}

interface Payload {
  readonly type: string
  readonly data: { readonly key: string; readonly rule: Alarm; readonly summary: string; readonly openedAt: string }
}

export async function startIncidentReceiver(): Promise<IncidentReceiver> {
  const secret = `whsec_${randomBytes(32).toString('base64')}`
  const signer = new Webhook(secret)
  const heard: Heard[] = []
  const ids = new Set<string>()
  const deadMan = newDeadManSwitch((event, openedAtMs) =>
    heard.push({
      ...{ atMs: Date.now(), event, alarm: 'dead_man_switch', key: 'dead_man_switch', openedAtMs },
      summary: event === 'opened' ? 'the watcher gives no sign of life' : 'the watcher gives signs of life again',
    }),
  )
  const server = createServer(async (request, response) => {
    if (request.url === '/alive') {
      deadMan.beat()
      return response.writeHead(204).end()
    }
    try {
      const headers = request.headers as Record<string, string>
      const { type, data } = signer.verify(await bodyOf(request), headers) as Payload
      const id = headers['webhook-id'] ?? ''
      // A watcher that dies before it knows that a message was taken sends it again, under its id.
      if (!ids.has(id))
        heard.push({
          ...{ atMs: Date.now(), event: type.replace('incident.', '') as IncidentEvent, alarm: data.rule },
          ...{ key: data.key, summary: data.summary, openedAtMs: Date.parse(data.openedAt) },
        })
      ids.add(id)
      return response.writeHead(204).end()
    } catch {
      return response.writeHead(401).end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    ...{ url: `${url}/incidents`, heartbeatUrl: `${url}/alive`, secret, heard },
    lastBeatMs: deadMan.lastBeatMs,
    armDeadManSwitch: deadMan.arm,
    async close() {
      deadMan.stop()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts).toString()
}

function newDeadManSwitch(tell: (event: 'opened' | 'resolved', sinceMs: number) => void) {
  let lastMs: number | null = null
  let silentSinceMs: number | null = null
  let timer: NodeJS.Timeout | undefined
  return {
    beat() {
      if (silentSinceMs !== null) tell('resolved', silentSinceMs)
      silentSinceMs = null
      lastMs = Date.now()
    },
    arm(silenceMs: number) {
      timer = setInterval(() => {
        if (lastMs === null || silentSinceMs !== null || Date.now() - lastMs < silenceMs) return
        silentSinceMs = lastMs
        tell('opened', lastMs)
      }, 100)
    },
    lastBeatMs: () => lastMs,
    stop: () => clearInterval(timer),
  }
}
