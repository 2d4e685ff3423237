/** The body of a request as JSON: bounded, in UTF-8, with whole numbers exact whatever their length (R12). */
import type { Context } from 'hono'
import { parse } from 'lossless-json'
import { MillcourseError } from '../core/errors.js'

/** @throws MillcourseError SERVE_REQUEST_TOO_LARGE, SERVE_REQUEST_INVALID with the position at fault */
export async function readJsonBody(context: Context, bytesMax: number): Promise<unknown> {
  const said = Number(context.req.header('content-length') ?? 0)
  if (said > bytesMax) throw tooLarge(bytesMax)
  const text = decode(await readBytes(context.req.raw.body, bytesMax))
  try {
    // Node 20 cannot tell a reviver how a number was written, and rounds beyond 2^53.
    return parse(text, null, parseNumber)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const position = /position (\d+)/.exec(why)?.[1]
    throw new MillcourseError('SERVE_REQUEST_INVALID', `the body is not JSON: ${why}`, {
      hint: 'such as {"keys": [{"origin": "ATL"}]}',
      facts: position === undefined ? {} : { position: Number(position), ...lineOf(text, Number(position)) },
    })
  }
}

/** Also of a body that does not say its length. */
async function readBytes(body: ReadableStream<Uint8Array> | null, bytesMax: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of body ?? []) {
    length += part.length
    if (length > bytesMax) throw tooLarge(bytesMax)
    parts.push(part)
  }
  return Buffer.concat(parts, length)
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new MillcourseError('SERVE_REQUEST_INVALID', 'the body is not UTF-8', { hint: 'send JSON in UTF-8' })
  }
}

function parseNumber(source: string): number | bigint {
  return /^-?\d{1,20}$/.test(source) ? BigInt(source) : Number(source)
}

function lineOf(text: string, position: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, position).split('\n')
  return { line: before.length, column: before.at(-1)!.length + 1 }
}

function tooLarge(bytesMax: number): MillcourseError {
  return new MillcourseError('SERVE_REQUEST_TOO_LARGE', `the body is longer than ${bytesMax} bytes`, {
    hint: 'ask for fewer keys at once, or raise MILLCOURSE_API_BODY_MAX',
    facts: { bytesMax },
  })
}
