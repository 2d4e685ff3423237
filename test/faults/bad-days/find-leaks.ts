/** Searches whatever was said, sent or kept for credentials, as they are and as they are written in URLs, JSON and base64. */

export type Places = Readonly<Record<string, string>>

/** Each as `place: what, in "…"`, with the words around it and not the secret. */
export function findLeaks(places: Places, secrets: Readonly<Record<string, string>>): string[] {
  return Object.entries(places).flatMap(([place, text]) =>
    Object.entries(secrets).flatMap(([what, secret]) => {
      const form = formsOf(secret).find((one) => text.includes(one))
      if (form === undefined) return []
      const at = text.indexOf(form)
      return [`${place}: ${what}, after ${JSON.stringify(text.slice(Math.max(0, at - 80), at))}`]
    }),
  )
}

function formsOf(secret: string): string[] {
  const base64 = Buffer.from(secret).toString('base64')
  // Base64 of a longer text that begins three bytes before, or two, or one: the middle is the same.
  const shifted = [1, 2].map((bytes) =>
    Buffer.from('x'.repeat(bytes) + secret)
      .toString('base64')
      .slice(4, -4),
  )
  return [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1), base64.slice(0, -4), ...shifted]
}

/** Of a message as the client holds it, whose own JSON would show payloads, which are bytes, in base64. */
export function textsIn(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8')
  if (typeof value === 'object' && value !== null) return Object.values(value).map(textsIn).join('\n')
  return String(value)
}
