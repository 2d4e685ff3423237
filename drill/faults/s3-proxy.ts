/** An HTTP proxy in front of an S3 server, or another that speaks AWS, that counts, and misbehaves as it is told. Signatures hold: the host is the client's own. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Called when the request has been read. */
export type Answer = (incoming: IncomingMessage, outgoing: ServerResponse) => void

/** What happens to a request: passed on; refused with a status and S3's code, or in words of one's own; passed on and its answer never given; cut off. */
export type S3Fault =
  | 'none'
  | Answer
  | { readonly status: number; readonly code: string; readonly headers?: Readonly<Record<string, string>> }
  | 'swallow-answer'
  | 'hang-up'

export interface S3Proxy {
  readonly endpoint: string
  /** `GET /bucket?list-type=2&…` of every request. */
  readonly seen: string[]
  /** Most requests under way at once. */
  readonly atOnceMax: () => number
  /** Asked for each request; `nth` of those with this answer, from 1. */
  choose: (line: string, nth: number, headers: IncomingHttpHeaders) => S3Fault | Promise<S3Fault>
  stop(): Promise<void>
}

export async function startS3Proxy(target: string): Promise<S3Proxy> {
  const seen: string[] = []
  let [underWay, most] = [0, 0]
  const proxy = { choose: (() => 'none') as S3Proxy['choose'] }
  const server = createServer(async (incoming, outgoing) => {
    const line = `${incoming.method} ${decodeURIComponent((incoming.url ?? '').replaceAll('+', '%20'))}`
    seen.push(line)
    most = Math.max(most, ++underWay)
    outgoing.once('close', () => underWay--)
    const fault = await proxy.choose(line, seen.filter((one) => one === line).length, incoming.headers)
    if (fault === 'hang-up') return void incoming.socket.destroy()
    if (typeof fault === 'object' || typeof fault === 'function') {
      const answer = typeof fault === 'function' ? fault : refusal(fault)
      incoming.resume()
      incoming.once('end', () => answer(incoming, outgoing))
      return
    }
    const passedOn = request(`${target}${incoming.url}`, { method: incoming.method!, headers: incoming.headers })
    passedOn.once('response', (answer) => {
      if (fault === 'swallow-answer') return answer.resume()
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(outgoing)
    })
    passedOn.once('error', () => outgoing.destroy())
    incoming.pipe(passedOn)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return Object.assign(proxy, { endpoint, seen, atOnceMax: () => most, stop })
}

function refusal({ status, code, headers }: Extract<S3Fault, { readonly status: number }>): Answer {
  return (incoming, outgoing) => {
    outgoing.writeHead(status, { 'content-type': 'application/xml', ...headers })
    const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>as told</Message></Error>`
    outgoing.end(incoming.method === 'HEAD' ? undefined : body)
  }
}
