/** Who is on call in a drill: a real HTTP receiver of the webhook channel that believes only what is signed, and keeps when it came. */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import type { Incident, IncidentEvent } from '../../core/watch/index.js'
import type { Alarm } from '../alarm.js'

export interface Heard {
  readonly atMs: number
  readonly event: IncidentEvent
  readonly alarm: Alarm
  readonly key: string
  readonly summary: string
  /** The incident's own word; of a dead-man switch when it fell silent. */
  readonly openedAtMs: number
  /** Intervals that it is about, the first and how many; null: it is about none. */
  readonly hits: { readonly fromMs: number; readonly count: number } | null
}

export interface IncidentReceiver {
  /** Where incidents are posted. */
  readonly url: string
  /** What a watcher fetches to say that it lives. */
  readonly heartbeatUrl: string
  readonly secret: string
  /** In the order they came, each message once. */
  readonly heard: readonly Heard[]
  /** Who is on call by a second channel. */
  readonly colleague: Colleague
  /** When a sign of life came last; null: none has. */
  lastBeatMs(): number | null
  /** From the first sign of life on, so long a silence is an alarm, and the next sign its end. */
  armDeadManSwitch(silenceMs: number): void
  /** From then on no silence is an alarm: the watcher is stopped on purpose. */
  disarmDeadManSwitch(): void
  close(): Promise<void>
}

export interface Colleague {
  readonly url: string
  readonly heard: readonly Heard[]
  /** Answers 403 to whatever comes, as a receiver does of which the key was revoked. */
  isRefusing: boolean
}

interface Payload {
  readonly type: string
  readonly data: Pick<Incident, 'key' | 'rule' | 'summary' | 'openedAt' | 'facts'>
}

export async function startIncidentReceiver(): Promise<IncidentReceiver> {
  const secret = `whsec_${randomBytes(32).toString('base64')}`
  const signer = new Webhook(secret)
  const heard: Heard[] = []
  const heardByColleague: Heard[] = []
  const colleague = { url: '', heard: heardByColleague, isRefusing: false }
  const takers = new Map([
    ['/incidents', taker(signer, heard)],
    ['/colleague', taker(signer, heardByColleague)],
  ])
  const deadMan = newDeadManSwitch((event, openedAtMs) =>
    heard.push({
      ...{ atMs: Date.now(), event, alarm: 'dead_man_switch', key: 'dead_man_switch', openedAtMs, hits: null },
      summary: event === 'opened' ? 'the watcher gives no sign of life' : 'the watcher gives signs of life again',
    }),
  )
  const server = createServer(async (request, response) => {
    if (request.url === '/alive') {
      deadMan.beat()
      return response.writeHead(204).end()
    }
    if (request.url === '/colleague' && colleague.isRefusing) return response.writeHead(403).end()
    const isTaken = await (takers.get(request.url ?? '')?.(request) ?? false)
    return response.writeHead(isTaken ? 204 : 401).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    ...{ url: `${url}/incidents`, heartbeatUrl: `${url}/alive`, secret, heard },
    colleague: Object.assign(colleague, { url: `${url}/colleague` }),
    lastBeatMs: deadMan.lastBeatMs,
    armDeadManSwitch: deadMan.arm,
    disarmDeadManSwitch: deadMan.stop,
    async close() {
      deadMan.stop()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** False: it is not signed as it should be, or broke off. */
function taker(signer: Webhook, heard: Heard[]) {
  const ids = new Set<string>()
  return async (request: IncomingMessage): Promise<boolean> => {
    try {
      const headers = request.headers as Record<string, string>
      const { type, data } = signer.verify(await bodyOf(request), headers) as Payload
      const id = headers['webhook-id'] ?? ''
      // A watcher that dies before it knows that a message was taken sends it again, under its id.
      if (!ids.has(id))
        heard.push({
          ...{ atMs: Date.now(), event: type.replace('incident.', '') as IncidentEvent, alarm: data.rule },
          ...{ key: data.key, summary: data.summary, openedAtMs: Date.parse(data.openedAt) },
          hits: hitsOf(data.facts),
        })
      ids.add(id)
      return true
    } catch {
      return false
    }
  }
}

function hitsOf({ firstInterval, intervals = 1 }: Incident['facts']): Heard['hits'] {
  return firstInterval === undefined ? null : { fromMs: Date.parse(`${firstInterval}`), count: Number(intervals) }
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
