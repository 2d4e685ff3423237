/** Mail over a real SMTP server: what arrived, how it came there, and what is said where it did not. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { inspect } from 'node:util'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { MillcourseError } from '../../../core/errors.js'
import { alertMessage, teller } from '../../../test/support/alert-receiver.js'
import { createTestAuthority, type TestAuthority } from '../../../test/support/temporal-tls-proxy.js'
import { createEmailAlertChannel, type EmailOptions } from './email-alert-channel.js'

const password = 'a-password-that-is-hidden'
let [authority, stranger]: [TestAuthority, TestAuthority] = [] as never
beforeAll(() => {
  ;[authority, stranger] = [createTestAuthority('localhost'), createTestAuthority('localhost')]
})
afterAll(() => {
  for (const one of [authority, stranger]) one.remove()
})
const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

interface Mail {
  readonly isEncrypted: boolean
  readonly user: string | undefined
  readonly to: readonly string[]
  readonly text: string
}

const smtpError = (code: number, text: string) => Object.assign(new Error(text), { responseCode: code })

async function startServer(over: SMTPServerOptions = {}) {
  const mails: Mail[] = []
  const server = new SMTPServer({
    key: readFileSync(authority.server.key),
    cert: readFileSync(authority.server.cert),
    authOptional: true,
    // As many servers do: no login before TLS.
    allowInsecureAuth: false,
    onAuth({ username, password: given }, _session, done) {
      if (given === password) done(null, { user: username ?? '' })
      else done(smtpError(535, `no, ${given} is not it`))
    },
    onData(stream, session, done) {
      const parts: Buffer[] = []
      stream.on('data', (part: Buffer) => parts.push(part))
      stream.on('end', () => {
        const to = session.envelope.rcptTo.map(({ address }) => address)
        const text = Buffer.concat(parts).toString()
        mails.push({ isEncrypted: session.secure, user: session.user as string | undefined, to, text })
        done(null)
      })
    },
    ...over,
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  server.on('error', () => {})
  cleanups.push(() => new Promise<void>((resolve) => server.close(() => resolve())))
  return { mails, port: (server.server.address() as { port: number }).port }
}

function channelTo(port: number, over: Partial<EmailOptions> = {}) {
  return createEmailAlertChannel({
    ...{ ...teller, name: 'team', host: 'localhost', port, tls: 'starttls', caFile: authority.ca },
    ...{ login: { user: 'mill', password }, from: 'millcourse@example.com', timeoutMs: 15_000 },
    to: ['ops@example.com', 'ml@example.com'],
    ...over,
  })
}

async function refusal(sending: Promise<unknown>) {
  const error = await sending.then(
    () => null,
    (caught: unknown) => caught,
  )
  if (!(error instanceof MillcourseError)) throw new Error(`expected a refusal, not ${inspect(error)}`)
  expect(inspect(error, { depth: 9 })).not.toContain(password)
  expect(inspect(error, { depth: 9 })).not.toContain(Buffer.from(password).toString('base64'))
  return { code: error.code, message: error.message, refused: error.detail.facts?.refused }
}

test('a mail arrives encrypted, from who logged in, and says what, since when, whom it hits, why, what to do', async () => {
  const { mails, port } = await startServer()
  expect(await channelTo(port).send(alertMessage())).toMatch(/^250 /)
  expect(await channelTo(port).send(alertMessage('resolved'))).toMatch(/^250 /)
  expect(mails.map(({ isEncrypted, user, to }) => ({ isEncrypted, user, to }))).toEqual(
    Array(2).fill({ isEncrypted: true, user: 'mill', to: ['ops@example.com', 'ml@example.com'] }),
  )
  const [opened, resolved] = mails.map(({ text }) => text.replaceAll('\r\n', '\n'))
  expect(opened).toContain('From: millcourse@example.com\nTo: ops@example.com, ml@example.com\n')
  expect(opened).toContain('Message-ID: <msg_opened@example.com>')
  expect(opened).toContain('X-Millcourse-Incident: failed/delays@v1/SOURCE_FILE_CORRUPT\n')
  // Non-ASCII words go as quoted printable.
  const body = opened!.slice(opened!.indexOf('\n\n')).replaceAll('=\n', '')
  for (const line of ['since:       2001-01-01T00:00:00Z', 'owner:       ops', 'services:    delay_model'])
    expect(body).toContain(line)
  expect(body).toContain('next:        millcourse runs show r1')
  expect(body).toContain('runbook:     https://docs.example.com/runbooks/source_file_corrupt.md')
  expect(body).toContain('gr=C3=B6=C3=9Fer')
  // One thread per incident.
  const thread = (text: string) => /^References: (\S+)$/m.exec(text)?.[1]
  expect(thread(resolved!)).toBe(thread(opened!))
  expect(resolved).not.toContain('next:')
})

test('TLS from the first byte, and a server without any where that is what was asked for', async () => {
  const implicit = await startServer({ secure: true })
  await channelTo(implicit.port, { tls: 'implicit' }).send(alertMessage())
  expect(implicit.mails).toMatchObject([{ isEncrypted: true, user: 'mill' }])
  const plain = await startServer({ disabledCommands: ['STARTTLS', 'AUTH'] })
  await channelTo(plain.port, { tls: 'none', login: null }).send(alertMessage())
  expect(plain.mails).toMatchObject([{ isEncrypted: false }])
})

test('nothing is sent in the clear to a server that offers no TLS, or one that nobody vouches for', async () => {
  const plain = await startServer({ hideSTARTTLS: true, disabledCommands: ['STARTTLS'], allowInsecureAuth: true })
  expect(await refusal(channelTo(plain.port).send(alertMessage()))).toMatchObject({ code: 'ALERT_REFUSED' })
  const other = await startServer()
  const error = await refusal(channelTo(other.port, { caFile: stranger.ca }).send(alertMessage()))
  expect(error.message).toMatch(/self-signed|unable to verify|certificate/)
  expect([...plain.mails, ...other.mails]).toEqual([])
})

test('a login that is refused is the channel’s fault; the password is not told, though the server quotes it', async () => {
  const { port } = await startServer({
    onAuth: ({ password: given }, _session, done) => done(smtpError(535, `no, ${given} is not it`)),
  })
  const error = await refusal(channelTo(port).send(alertMessage()))
  expect(error).toMatchObject({ code: 'ALERT_REFUSED', refused: 'channel' })
  expect(error.message).toContain('535 no, [password] is not it')
})

test('4xx passes, 5xx does not: of the sender, of all that it goes to, of what it says', async () => {
  const greylisting = await startServer({ onMailFrom: (_from, _session, done) => done(smtpError(451, 'later')) })
  expect(await refusal(channelTo(greylisting.port).send(alertMessage()))).toMatchObject({ code: 'ALERT_UNDELIVERED' })
  const unknown = await startServer({ onRcptTo: (_to, _session, done) => done(smtpError(550, 'unknown')) })
  expect(await refusal(channelTo(unknown.port).send(alertMessage()))).toMatchObject({
    code: 'ALERT_REFUSED',
    refused: 'channel',
  })
  const strict = await startServer({
    onData(stream, _session, done) {
      stream.resume()
      stream.on('end', () => done(smtpError(554, 'looks like spam')))
    },
  })
  expect(await refusal(channelTo(strict.port).send(alertMessage()))).toMatchObject({
    code: 'ALERT_REFUSED',
    refused: 'message',
  })
})

test('one address of two that is refused is told; the other has the mail once', async () => {
  const { mails, port } = await startServer({
    onRcptTo: ({ address }, _session, done) => done(address.startsWith('ops') ? smtpError(550, 'unknown') : null),
  })
  const error = await refusal(channelTo(port).send(alertMessage()))
  expect(error).toMatchObject({ code: 'ALERT_REFUSED', refused: 'message' })
  expect(error.message).toContain('refuses ops@example.com; the others have it')
  expect(mails.map(({ to }) => to)).toEqual([['ml@example.com']])
})

test('a server that says nothing, or is not there, is tried later', async () => {
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as { port: number }
  expect(await refusal(channelTo(port, { timeoutMs: 200 }).send(alertMessage()))).toMatchObject({
    code: 'ALERT_UNDELIVERED',
  })
  await new Promise((resolve) => silent.close(resolve))
  const gone = await refusal(channelTo(port).send(alertMessage()))
  expect(gone.code).toBe('ALERT_UNDELIVERED')
  expect(gone.message).toContain('ECONNREFUSED')
})

test('a server that is never silent and never done keeps the channel for a while, and is left', async () => {
  let isLeft = false
  const dripping = createServer((socket) => {
    socket.resume()
    socket.write('220 at your service\r\n')
    const drip = setInterval(() => socket.write('2'), 50)
    socket.on('error', () => {})
    socket.on('close', () => {
      clearInterval(drip)
      isLeft = true
    })
  })
  await new Promise<void>((resolve) => dripping.listen(0, '127.0.0.1', resolve))
  const { port } = dripping.address() as { port: number }
  const error = await refusal(channelTo(port, { tls: 'none', login: null, timeoutMs: 150 }).send(alertMessage()))
  expect(error).toMatchObject({ code: 'ALERT_UNDELIVERED', message: expect.stringContaining('not done within 900 ms') })
  await expect.poll(() => isLeft, { timeout: 15_000 }).toBe(true)
  await new Promise((resolve) => dripping.close(resolve))
})

test('an authority’s file that is not there is said at the start', () => {
  expect(() => channelTo(25, { caFile: 'nowhere.pem' })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
})
