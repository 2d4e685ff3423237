/** A receiver of alerts over HTTP: keeps what arrived, answers as it is told. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { AlertMessage } from '../../core/ports/alert-channel.js'
import type { Incident } from '../../core/watch/index.js'

export interface ReceivedAlert {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Answer {
  /** `silent`: none, ever. */
  readonly status: number | 'silent'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface AlertReceiver {
  readonly url: string
  readonly received: ReceivedAlert[]
  answer(answer: Answer): void
  close(): Promise<void>
}

export async function startAlertReceiver(first: Answer = { status: 200 }): Promise<AlertReceiver> {
  const received: ReceivedAlert[] = []
  let now = first
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request
      received.push({ method, path, headers: headers as Record<string, string>, body: Buffer.concat(parts).toString() })
      if (now.status !== 'silent') response.writeHead(now.status, now.headers).end(now.body ?? '')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    answer(answer) {
      now = answer
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export const teller = { project: 'flights', runbooksUrl: 'https://docs.example.com/runbooks' } as const

export function alertMessage(event: AlertMessage['event'] = 'opened', incident: Partial<Incident> = {}): AlertMessage {
  return {
    deliveryId: `msg_${event}`,
    event,
    incident: {
      key: 'failed/delays@v1/SOURCE_FILE_CORRUPT',
      rule: 'failed',
      severity: 'critical',
      view: 'delays',
      version: 1,
      owner: 'ops',
      openedAt: '2001-01-01T00:00:00Z',
      updatedAt: '2001-01-01T01:00:00Z',
      resolvedAt: event === 'resolved' ? '2001-01-01T02:00:00Z' : null,
      summary: 'delays@v1 failed — größer <!channel> & so on',
      nextStep: 'millcourse runs show r1',
      facts: { services: 'delay_model', code: 'SOURCE_FILE_CORRUPT', run: 'r1' },
      ...incident,
    },
  }
}
