/** Who may read: bearers of one of the configured tokens. Compared in constant time, so that no answer's delay tells how much was right. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { MillcourseError } from '../core/errors.js'

export type TokenCheck = (authorization: string | undefined) => void

/** Without tokens everybody may. The check throws SERVE_UNAUTHORIZED. */
export function newTokenCheck(tokens: readonly string[]): TokenCheck {
  // Digests have one length, and equality of digests is equality of tokens.
  const digests = tokens.map(digest)
  return (authorization) => {
    if (digests.length === 0) return
    const given = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1]
    const asked = digest(given ?? '')
    // All of them, always: the first hit must not answer sooner.
    const isKnown = digests.map((known) => timingSafeEqual(known, asked)).includes(true)
    if (given !== undefined && isKnown) return
    throw new MillcourseError(
      'SERVE_UNAUTHORIZED',
      given === undefined ? 'the request has no bearer token' : 'the token is not one of those that are let in',
      { hint: 'send the header `authorization: Bearer TOKEN` with a token of MILLCOURSE_API_TOKENS' },
    )
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
