/** The seams of the API that need no store: problems, tokens, bodies, limits. What it answers is test/end-to-end/server-api.test.ts. */
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { type ErrorCode, errorCodes, MillcourseError } from '../core/errors.js'
import { newTokenCheck } from './check-token.js'
import { newLoadLimit } from './load-limit.js'
import { problemMediaType, problemResponse, toProblem } from './problem.js'
import { readJsonBody } from './read-json-body.js'

describe('an error as a problem (RFC 9457)', () => {
  test.each(Object.keys(errorCodes) as ErrorCode[])(
    '%s has the status of the table and says what to do',
    async (code) => {
      const error = new MillcourseError(code, 'what went wrong', {
        hint: 'do this',
        facts: { row: 3 },
        cause: 'inside',
      })
      const app = new Hono().get('/', (context) => problemResponse(context, toProblem(error, 'id-1')))
      const answer = await app.request('/')
      expect(answer.status).toBe(errorCodes[code].http)
      expect(answer.headers.get('content-type')).toBe(problemMediaType)
      expect(answer.headers.get('retry-after')).toBe(answer.status === 503 ? '1' : null)
      const problem = await answer.json()
      expect(problem).toMatchObject({
        code,
        status: answer.status,
        type: `urn:millcourse:error:${code}`,
        requestId: 'id-1',
      })
      if (code !== 'INTERNAL')
        expect(problem).toMatchObject({ detail: 'what went wrong', hint: 'do this', facts: { row: 3 } })
      expect(JSON.stringify(problem)).not.toMatch(/inside|stack|\.ts/)
    },
  )

  test('what was not foreseen keeps its words to itself', () => {
    const problem = toProblem(new TypeError('postgresql://me:secret@db'), 'id-2')
    expect(problem).toMatchObject({ code: 'INTERNAL', status: 500, requestId: 'id-2' })
    expect(JSON.stringify(problem)).not.toContain('secret')
  })
})

describe('bearer tokens', () => {
  const check = newTokenCheck(['first-token-of-16', 'second-token-of-16'])

  test('each of them is let in', () => {
    for (const token of ['first-token-of-16', 'second-token-of-16'])
      expect(() => check(`Bearer ${token}`)).not.toThrow()
  })

  test.each([
    undefined,
    '',
    'Bearer',
    'Bearer first-token-of-1',
    'Basic first-token-of-16',
    'Bearer first-token-of-16x',
  ])('%s is not', (authorization) => {
    const refused = expect.objectContaining({ code: 'SERVE_UNAUTHORIZED' })
    expect(() => check(authorization)).toThrowError(refused)
  })

  test('where none are configured, everybody is', () => {
    expect(() => newTokenCheck([])(undefined)).not.toThrow()
  })
})

describe('the body', () => {
  const read = (body: string | Uint8Array | ReadableStream, bytesMax = 1_000) => {
    let parsed: unknown
    const app = new Hono().post('/', async (context) => {
      parsed = await readJsonBody(context, bytesMax)
      return context.text('')
    })
    app.onError((error) => {
      throw error
    })
    const request = new Request('http://test/', { method: 'POST', body, duplex: 'half' } as RequestInit)
    return Promise.resolve(app.request(request)).then(() => parsed)
  }

  test('R12: keeps whole numbers exact, whatever their length', async () => {
    expect(await read('{"id": 9007199254740993, "ratio": 0.5}')).toEqual({ id: 9007199254740993n, ratio: 0.5 })
  })

  test('that is not JSON is refused with the position, the line and the column', async () => {
    await expect(read('{"keys": [\n  {"a": 1},}')).rejects.toMatchObject({
      code: 'SERVE_REQUEST_INVALID',
      detail: { facts: { position: 22, line: 2, column: 12 } },
    })
    await expect(read('')).rejects.toMatchObject({ code: 'SERVE_REQUEST_INVALID' })
    await expect(read(Buffer.from([0x22, 0xff, 0x22]))).rejects.toMatchObject({ message: 'the body is not UTF-8' })
  })

  test('with one name twice is refused: which of the two is meant?', async () => {
    await expect(read('{"id": 1, "id": 2}')).rejects.toMatchObject({ code: 'SERVE_REQUEST_INVALID' })
  })

  test('that is too long is refused, whether it says its length or not', async () => {
    await expect(read(`"${'x'.repeat(1_000)}"`)).rejects.toMatchObject({ code: 'SERVE_REQUEST_TOO_LARGE' })
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(Buffer.from('[[[[[[[[')) })
    await expect(read(endless)).rejects.toMatchObject({ code: 'SERVE_REQUEST_TOO_LARGE' })
  })
})

describe('load', () => {
  const never = () => new Promise<never>(() => {})

  test('more reads than agreed are refused at once, and taken again when one has ended', async () => {
    const limit = newLoadLimit({ requestsMax: 1, timeoutMs: 60_000 })
    let end = () => {}
    const first = limit.run(
      () =>
        new Promise<string>((resolve) => {
          end = () => resolve('first')
        }),
    )
    await expect(limit.run(never)).rejects.toMatchObject({ code: 'SERVE_OVERLOADED' })
    end()
    expect(await first).toBe('first')
    expect(await limit.run(async () => 'second')).toBe('second')
  })

  test('a read that takes too long is given up, and counts until it ends', async () => {
    const limit = newLoadLimit({ requestsMax: 1, timeoutMs: 5 })
    let fail = (_: Error) => {}
    const slow = () =>
      new Promise<never>((_, reject) => {
        fail = reject
      })
    await expect(limit.run(slow)).rejects.toMatchObject({
      code: 'SERVE_TIMED_OUT',
      detail: { facts: { timeoutMs: 5 } },
    })
    await expect(limit.run(never)).rejects.toMatchObject({ code: 'SERVE_OVERLOADED' })
    // Nobody waits for it any more: its failure must not end the process.
    fail(new Error('too late'))
    await new Promise((resolve) => setImmediate(resolve))
    expect(await limit.run(async () => 'next')).toBe('next')
  })

  test('a failure of a read is the failure of the request', async () => {
    const limit = newLoadLimit({ requestsMax: 1, timeoutMs: 60_000 })
    await expect(limit.run(() => Promise.reject(new TypeError('x')))).rejects.toThrow(TypeError)
    expect(await limit.run(async () => 'next')).toBe('next')
  })
})
