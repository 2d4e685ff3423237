/** How a Temporal server is reached, the same for clients and workers. */
import { Client, Connection } from '@temporalio/client'
import { MillcourseError } from '../../core/errors.js'
import { apiKeyFromFile } from './api-key.js'
import { boundedCalls } from './bounded-calls.js'
import { readCertificate, readKey } from './pem-files.js'

export interface TemporalTarget {
  /** `host:port`. */
  readonly address: string
  readonly namespace: string
  readonly isTls: boolean
  /** PEM files: of the authority that signed the server's certificate, and of the client; the name the certificate has to have. */
  readonly tls: {
    readonly ca: string | null
    readonly cert: string | null
    readonly key: string | null
    readonly serverName: string | null
  }
  readonly apiKey: string | null
  /** A file with the key, which may be replaced while processes run; counts where there is no `apiKey`. */
  readonly apiKeyFile: string | null
}

export interface ConnectionSettings {
  readonly address: string
  readonly tls?: {
    readonly serverRootCACertificate?: Buffer
    readonly clientCertPair?: { readonly crt: Buffer; readonly key: Buffer }
    readonly serverNameOverride?: string
  }
  /** The key of now; null: none. */
  readonly apiKey: (() => string) | null
}

/** Certificates and keys are read from their files and checked. @throws MillcourseError CONFIG_INVALID naming the variable */
export async function connectionSettings(target: TemporalTarget): Promise<ConnectionSettings> {
  return {
    address: target.address,
    ...(target.isTls ? { tls: await tlsSettings(target.tls) } : {}),
    apiKey: apiKeyOf(target),
  }
}

async function tlsSettings({ ca, cert, key, serverName }: TemporalTarget['tls']) {
  if ((cert === null) !== (key === null))
    throw new MillcourseError('CONFIG_INVALID', 'a client certificate and its key belong together', {
      hint: 'set both TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY',
    })
  const crt = cert === null ? null : await readCertificate('TEMPORAL_TLS_CERT', cert)
  return {
    ...(ca === null ? {} : { serverRootCACertificate: await readCertificate('TEMPORAL_TLS_CA', ca) }),
    ...(crt === null || key === null
      ? {}
      : { clientCertPair: { crt, key: await readKey('TEMPORAL_TLS_KEY', key, crt, 'TEMPORAL_TLS_CERT') } }),
    ...(serverName === null ? {} : { serverNameOverride: serverName }),
  }
}

function apiKeyOf({ apiKey, apiKeyFile }: TemporalTarget): (() => string) | null {
  if (apiKey !== null) return () => apiKey
  if (apiKeyFile === null) return null
  const read = apiKeyFromFile(apiKeyFile)
  // What is wrong with the file is said now, not by the first call.
  read()
  return read
}

async function clientSettings(target: TemporalTarget) {
  const { apiKey, ...settings } = await connectionSettings(target)
  return { ...settings, ...(apiKey === null ? {} : { apiKey }) }
}

/** Does not connect yet: the first call does, and again after the server was away. */
export async function temporalClient(target: TemporalTarget): Promise<Client> {
  const connection = Connection.lazy({
    ...(await clientSettings(target)),
    interceptors: boundedCalls,
  })
  return new Client({ connection, namespace: target.namespace })
}

/** Without the SDK's own retries: a question of the moment, and a retry that outlives the connection ends the process. */
export async function temporalProbe(target: TemporalTarget): Promise<Client> {
  const connection = Connection.lazy({ ...(await clientSettings(target)), interceptors: [] })
  return new Client({ connection, namespace: target.namespace })
}
