/**
 * In front of an AWS-speaking endpoint: on bad days it refuses as AWS does, with what it was sent in the words of the refusal. A
 * signature that does not match is answered with the canonical request, session token included.
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface EchoingProxy {
  readonly endpoint: string
  isEchoing: boolean
  readonly echoes: () => number
  stop(): Promise<void>
}

/** @param sessionToken quoted also where none was sent: the server behind knows no sessions */
export async function startEchoingProxy(
  target: string,
  speaks: 'json' | 'xml',
  sessionToken: string,
): Promise<EchoingProxy> {
  const proxy = { isEchoing: false }
  let echoes = 0
  const server = createServer((incoming, outgoing) => {
    if (proxy.isEchoing) {
      echoes += 1
      return refuse(incoming, outgoing, speaks, sessionToken)
    }
    const passedOn = request(`${target}${incoming.url}`, { method: incoming.method!, headers: incoming.headers })
    passedOn.once('response', (answer) => {
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
  return Object.assign(proxy, { endpoint, echoes: () => echoes, stop })
}

function refuse(incoming: IncomingMessage, outgoing: ServerResponse, speaks: 'json' | 'xml', token: string): void {
  const headers = Object.entries({ ...incoming.headers, 'x-amz-security-token': token }).map(
    ([name, value]) => `${name}:${value}`,
  )
  const signed = `${incoming.url}&X-Amz-Security-Token=${encodeURIComponent(token)}`
  const message = `The request signature we calculated does not match the signature you provided. The Canonical String for this request should have been '${incoming.method}\n${signed}\n\n${headers.join('\n')}'`
  incoming.resume()
  incoming.once('end', () => {
    if (speaks === 'json') {
      outgoing.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' })
      return outgoing.end(JSON.stringify({ __type: 'com.amazon.coral.service#InvalidSignatureException', message }))
    }
    outgoing.writeHead(403, { 'content-type': 'application/xml' })
    const text = message.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
    return outgoing.end(
      incoming.method === 'HEAD'
        ? undefined
        : `<Error><Code>SignatureDoesNotMatch</Code><Message>${text}</Message></Error>`,
    )
  })
}
