/** An HTTP proxy in front of a DynamoDB endpoint that misbehaves as it is told. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type BatchFault, withoutSome } from './fault-answers.js'

/** What the endpoint would say of a request that it refuses as a whole. */
const refusals = {
  throttle: { status: 400, type: 'ProvisionedThroughputExceededException' },
  throttling: { status: 400, type: 'ThrottlingException' },
  'request-limit': { status: 400, type: 'RequestLimitExceeded' },
  'server-error': { status: 500, type: 'InternalServerError' },
  unavailable: { status: 503, type: 'ServiceUnavailable' },
  denied: { status: 400, type: 'AccessDeniedException' },
  /** As IAM says it: with the action. */
  'no-right': { status: 400, type: 'AccessDeniedException' },
  expired: { status: 400, type: 'ExpiredTokenException' },
  /** Of a table that is being made or deleted. */
  'in-use': { status: 400, type: 'ResourceInUseException' },
} as const

/** The endpoint is asked, and something else is said: of what an endpoint on this machine does not know. */
export interface OtherAnswer {
  readonly says: (answer: Record<string, unknown>) => object
}

/**
 * Passed on; refused; the connection cut before or after the endpoint has done it; its answer never given; passed on only once
 * `release` is called and never answered (a zombie's); done for some of a batch (fault-answers.ts); or answered otherwise.
 */
export type Fault =
  | 'none'
  | keyof typeof refusals
  | 'reset-before'
  | 'reset-after'
  | 'swallow-answer'
  | 'hold'
  | BatchFault
  | OtherAnswer

export interface FaultProxy {
  readonly endpoint: string
  /** Requests seen, by operation (`PutItem`, …). */
  readonly seen: Map<string, number>
  /** Asked for each request, with what it asks for. */
  choose: (operation: string, count: number, body: Record<string, unknown>) => Fault | Promise<Fault>
  /** Lets the endpoint have what was held, and waits for its answers; the number of them. */
  release(): Promise<number>
  stop(): Promise<void>
}

export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const seen = new Map<string, number>()
  const held: (() => Promise<unknown>)[] = []
  const proxy = { choose: (() => 'none') as FaultProxy['choose'] }
  const server = createServer((incoming, outgoing) => {
    const answer = async (body: Buffer): Promise<void> => {
      const operation = String(incoming.headers['x-amz-target'] ?? '').split('.')[1] ?? ''
      const count = (seen.get(operation) ?? 0) + 1
      seen.set(operation, count)
      const fault = await proxy.choose(operation, count, JSON.parse(body.toString() || '{}'))
      if (typeof fault === 'string' && fault in refusals)
        return refuse(outgoing, fault as keyof typeof refusals, operation)
      if (fault === 'reset-before') return void incoming.socket.destroy()
      if (fault === 'hold') return void held.push(() => forward(target, incoming, body))
      if (typeof fault === 'object' && 'says' in fault) {
        const said = (await forward(target, incoming, body)).answer
        outgoing.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' })
        return void outgoing.end(JSON.stringify(fault.says(JSON.parse(said.toString()))))
      }
      const part =
        typeof fault === 'object' ? withoutSome(operation, body, fault) : { body, complete: (it: Buffer) => it }
      const { status, headers, answer: said } = await forward(target, incoming, part.body)
      if (fault === 'swallow-answer') return
      if (fault === 'reset-after') return void incoming.socket.destroy()
      const completed = status === 200 ? part.complete(said) : said
      // A checksum of what the endpoint said is none of what the proxy says.
      const { 'x-amz-crc32': _, 'content-length': __, ...kept } = headers
      outgoing.writeHead(status, { ...kept, 'content-length': completed.length }).end(completed)
    }
    // A client that is killed in the middle of its request is nobody's to answer.
    void collect(incoming).then(answer, () => incoming.socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  const release = async (): Promise<number> => (await Promise.all(held.splice(0).map((send) => send()))).length
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return Object.assign(proxy, { endpoint, seen, release, stop })
}

async function collect(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function refuse(outgoing: ServerResponse, fault: keyof typeof refusals, operation: string): void {
  const { status, type } = refusals[fault]
  const message = fault === 'no-right' ? `User: worker is not authorized to perform: dynamodb:${operation}` : 'as told'
  outgoing.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' })
  outgoing.end(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message }))
}

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly answer: Buffer
}

function forward(target: string, incoming: IncomingMessage, body: Buffer): Promise<Answer> {
  const headers = { ...incoming.headers, 'content-length': String(body.length) }
  return new Promise((resolve) => {
    const failed = () => resolve({ status: 502, headers: {}, answer: Buffer.alloc(0) })
    const outgoing = request(`${target}${incoming.url ?? '/'}`, { method: 'POST', headers }, (answer) => {
      void collect(answer).then(
        (bytes) => resolve({ status: answer.statusCode ?? 500, headers: answer.headers, answer: bytes }),
        failed,
      )
    })
    outgoing.on('error', failed)
    outgoing.end(body)
  })
}
