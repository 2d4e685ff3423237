/** What stands before Temporal Cloud: TLS with a certificate of its own authority, an API key asked for, gRPC passed on to a real server. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import {
  type ClientHttp2Session,
  connect,
  constants,
  createSecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Files of one authority, and what it has signed. */
export interface TestAuthority {
  readonly ca: string
  /** For one name, no other. */
  readonly server: { readonly cert: string; readonly key: string }
  readonly client: { readonly cert: string; readonly key: string }
  remove(): void
}

/** Node's crypto reads certificates but makes none. */
export function createTestAuthority(serverName = 'temporal.test'): TestAuthority {
  const dir = mkdtempSync(join(tmpdir(), 'millcourse-authority-'))
  const file = (name: string) => join(dir, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  openssl('req', '-x509', ...newKey, '-keyout', file('ca.key'), '-out', file('ca.pem'), '-subj', '/CN=test authority')
  const sign = (name: string, subject: string) => {
    const [key, cert] = [file(`${name}.key`), file(`${name}.pem`)]
    const request = file(`${name}.csr`)
    writeFileSync(file(`${name}.ext`), `subjectAltName=DNS:${subject}\nbasicConstraints=CA:FALSE\n`)
    openssl('req', ...newKey, '-keyout', key, '-out', request, '-subj', `/CN=${subject}`)
    const signed = ['-req', '-in', request, '-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial']
    openssl('x509', ...signed, '-days', '2', '-extfile', file(`${name}.ext`), '-out', cert)
    return { cert, key }
  }
  const [server, client] = [sign('server', serverName), sign('client', 'client.test')]
  return { ca: file('ca.pem'), server, client, remove: () => rmSync(dir, { recursive: true, force: true }) }
}

export interface TemporalTlsProxy {
  readonly address: string
  /** Headers of the calls that were let through, by gRPC method name. */
  readonly calls: { readonly method: string; readonly headers: IncomingHttpHeaders }[]
  /** The keys that are taken from now on; what else comes is answered UNAUTHENTICATED. Null: none is asked for. */
  accept(keys: readonly string[] | null): void
  readonly refused: () => number
  /** What every call is answered from now on; null: the server is asked. */
  answer(status: { readonly code: number; readonly message: string } | null): void
  stop(): Promise<void>
}

export interface TemporalTlsProxyOptions {
  readonly authority: TestAuthority
  /** Of the real server. */
  readonly target: string
  readonly apiKeys: readonly string[] | null
  /** Only clients with a certificate of the authority. */
  readonly asksForCertificate?: boolean
}

const unauthenticated = 16

export async function startTemporalTlsProxy(options: TemporalTlsProxyOptions): Promise<TemporalTlsProxy> {
  const { authority, asksForCertificate = false } = options
  let upstream: ClientHttp2Session | null = null
  // The server ends a session that is idle for two minutes, and each after some.
  const reached = (): ClientHttp2Session => {
    if (upstream && !upstream.closed && !upstream.destroyed) return upstream
    upstream = connect(`http://${options.target}`)
    // The test ends the real server before us or after us.
    upstream.on('error', () => {})
    return upstream
  }
  const calls: TemporalTlsProxy['calls'] = []
  let [keys, refused] = [options.apiKeys, 0]
  let answered: Parameters<TemporalTlsProxy['answer']>[0] = null
  const server = createSecureServer({
    cert: readFileSync(authority.server.cert),
    key: readFileSync(authority.server.key),
    ca: readFileSync(authority.ca),
    requestCert: asksForCertificate,
    rejectUnauthorized: asksForCertificate,
  })
  const sessions = new Set<ServerHttp2Session>()
  server.on('session', (session) => {
    sessions.add(session)
    session.on('error', () => {})
    session.once('close', () => sessions.delete(session))
  })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    if (answered !== null) return refuse(stream, answered.code, answered.message)
    if (keys !== null && !keys.some((key) => headers.authorization === `Bearer ${key}`)) {
      refused += 1
      return refuse(stream, unauthenticated, 'Request unauthorized.')
    }
    calls.push({ method: String(headers[':path']).split('/').at(-1)!, headers })
    passOn(reached(), stream, headers)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    accept: (accepted) => {
      keys = accepted
    },
    refused: () => refused,
    answer: (status) => {
      answered = status
    },
    async stop() {
      for (const session of sessions) session.destroy()
      upstream?.destroy()
      await new Promise((done) => server.close(done))
    },
  }
}

function refuse(stream: ServerHttp2Stream, code: number, message: string): void {
  const status = { 'grpc-status': String(code), 'grpc-message': message }
  stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...status }, { endStream: true })
}

function passOn(upstream: ClientHttp2Session, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const { ':scheme': _, ':authority': __, host: ___, ...kept } = headers
  const request = upstream.request(kept)
  stream.pipe(request)
  stream.once('close', () => request.close(constants.NGHTTP2_CANCEL))
  request.on('error', () => stream.destroy())
  request.on('response', (answer, flags) => {
    if (stream.destroyed) return
    const isOver = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0
    stream.respond(answer, { waitForTrailers: !isOver, endStream: isOver })
    if (isOver) return
    let trailers: IncomingHttpHeaders = {}
    request.on('trailers', (given) => {
      trailers = given
    })
    stream.on('wantTrailers', () => {
      // Temporal's details are binary headers, which are passed on as they came.
      stream.sendTrailers(trailers)
    })
    request.pipe(stream)
  })
}
