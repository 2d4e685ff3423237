/**
 * A refusal as AWS words it, with what it was sent in it: a signature that does not match is answered with the canonical request,
 * session token included.
 */
import type { IncomingMessage } from 'node:http'
import type { Answer } from '../../../drill/faults/s3-proxy.js'

/** @param sessionToken quoted also where none was sent: the server behind knows no sessions */
export function echoingRefusal(speaks: 'json' | 'xml', sessionToken: string): Answer {
  return (incoming, outgoing) => {
    const message = quote(incoming, sessionToken)
    if (speaks === 'json') {
      outgoing.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' })
      outgoing.end(JSON.stringify({ __type: 'com.amazon.coral.service#InvalidSignatureException', message }))
      return
    }
    outgoing.writeHead(403, { 'content-type': 'application/xml' })
    const text = message.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
    const body = `<Error><Code>SignatureDoesNotMatch</Code><Message>${text}</Message></Error>`
    outgoing.end(incoming.method === 'HEAD' ? undefined : body)
  }
}

function quote({ headers, method, url }: IncomingMessage, token: string): string {
  const lines = Object.entries({ ...headers, 'x-amz-security-token': token }).map(([name, value]) => `${name}:${value}`)
  const signed = `${url}&X-Amz-Security-Token=${encodeURIComponent(token)}`
  return `The request signature we calculated does not match the signature you provided. The Canonical String for this request should have been '${method}\n${signed}\n\n${lines.join('\n')}'`
}
