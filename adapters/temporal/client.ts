/** How a Temporal server is reached, the same for clients and workers. */
import { readFile } from 'node:fs/promises'
import { Client, Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client'
import { MillcourseError } from '../../core/errors.js'

export interface TemporalTarget {
  /** `host:port`. */
  readonly address: string
  readonly namespace: string
  readonly isTls: boolean
  /** PEM files: of the authority that signed the server's certificate, and of the client. */
  readonly tls: { readonly ca: string | null; readonly cert: string | null; readonly key: string | null }
  readonly apiKey: string | null
}

export interface ConnectionSettings {
  readonly address: string
  readonly tls?: {
    readonly serverRootCACertificate?: Buffer
    readonly clientCertPair?: { readonly crt: Buffer; readonly key: Buffer }
  }
  readonly apiKey?: string
}

/** Certificates are read from their files. @throws MillcourseError CONFIG_INVALID */
export async function connectionSettings(target: TemporalTarget): Promise<ConnectionSettings> {
  const { ca, cert, key } = target.tls
  if ((cert === null) !== (key === null))
    throw new MillcourseError('CONFIG_INVALID', 'a client certificate and its key belong together', {
      hint: 'set both TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY',
    })
  return {
    address: target.address,
    ...(target.isTls
      ? {
          tls: {
            ...(ca === null ? {} : { serverRootCACertificate: await readPem('TEMPORAL_TLS_CA', ca) }),
            ...(cert === null || key === null
              ? {}
              : {
                  clientCertPair: {
                    crt: await readPem('TEMPORAL_TLS_CERT', cert),
                    key: await readPem('TEMPORAL_TLS_KEY', key),
                  },
                }),
          },
        }
      : {}),
    ...(target.apiKey === null ? {} : { apiKey: target.apiKey }),
  }
}

/** Does not connect yet: the first call does, and again after the server was away. */
export async function temporalClient(target: TemporalTarget): Promise<Client> {
  const connection = Connection.lazy({
    ...(await connectionSettings(target)),
    // About 3 seconds of trying: a restart of the server is outlived, a person is not kept waiting.
    interceptors: [makeGrpcRetryInterceptor(defaultGrpcRetryOptions({ maxAttempts: 6 }))],
  })
  return new Client({ connection, namespace: target.namespace })
}

/** Without the SDK's own retries: a question of the moment, and a retry that outlives the connection ends the process. */
export async function temporalProbe(target: TemporalTarget): Promise<Client> {
  const connection = Connection.lazy({ ...(await connectionSettings(target)), interceptors: [] })
  return new Client({ connection, namespace: target.namespace })
}

async function readPem(variable: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (cause) {
    throw new MillcourseError('CONFIG_INVALID', `${variable}: ${file} cannot be read`, { cause, facts: { file } })
  }
}
