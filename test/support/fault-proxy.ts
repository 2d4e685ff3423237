import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What happens to a request: passed on; refused as throttled; a server error; or passed on and its answer never given. */
export type Fault = 'none' | 'throttle' | 'server-error' | 'swallow-answer'

export interface FaultProxy {
  readonly endpoint: string
  /** Requests seen, by operation (`PutItem`, …). */
  readonly seen: Map<string, number>
  /** Asked for each request. */
  choose: (operation: string, count: number) => Fault | Promise<Fault>
  stop(): Promise<void>
}

/** An HTTP proxy in front of a DynamoDB endpoint that misbehaves as it is told. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const seen = new Map<string, number>()
  const proxy = { choose: (() => 'none') as FaultProxy['choose'] }
  const server = createServer((incoming, outgoing) => {
    void collect(incoming).then(async (body) => {
      const operation = String(incoming.headers['x-amz-target'] ?? '').split('.')[1] ?? ''
      const count = (seen.get(operation) ?? 0) + 1
      seen.set(operation, count)
      const fault = await proxy.choose(operation, count)
      if (fault === 'throttle') return fail(outgoing, 400, 'ProvisionedThroughputExceededException')
      if (fault === 'server-error') return fail(outgoing, 500, 'InternalServerError')
      forward(target, incoming, body, (status, headers, answer) => {
        if (fault === 'swallow-answer') return
        outgoing.writeHead(status, headers).end(answer)
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return Object.assign(proxy, { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, stop })
}

async function collect(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function fail(outgoing: ServerResponse, status: number, type: string): void {
  outgoing.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' })
  outgoing.end(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: 'as told' }))
}

function forward(
  target: string,
  incoming: IncomingMessage,
  body: Buffer,
  answered: (status: number, headers: IncomingMessage['headers'], body: Buffer) => void,
): void {
  const outgoing = request(
    `${target}${incoming.url ?? '/'}`,
    { method: 'POST', headers: incoming.headers },
    (answer) => {
      void collect(answer).then((bytes) => answered(answer.statusCode ?? 500, answer.headers, bytes))
    },
  )
  outgoing.on('error', () => answered(502, {}, Buffer.alloc(0)))
  outgoing.end(body)
}
