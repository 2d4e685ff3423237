/** The variables of the processes' HTTP side and of the serving API. */
import { join } from 'node:path'
import { z } from 'zod'
import { count, durationMs, sizeMb } from './config-values.js'

/** Short ones are guessed. */
const tokenLengthMin = 16
const port = 'write a port, 0 to 65535'

export const httpVariables = {
  MILLCOURSE_HTTP_HOST: z.string().min(1).default('127.0.0.1'),
  MILLCOURSE_HTTP_PORT: z.coerce.number(port).int(port).min(0, port).max(65_535, port).optional(),
  MILLCOURSE_API_TOKENS: z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((token) => token.trim())
        .filter((token) => token !== ''),
    )
    .refine(
      (tokens) => tokens.every((token) => token.length >= tokenLengthMin && !/\s/.test(token)),
      `separate tokens by commas; each has at least ${tokenLengthMin} characters`,
    )
    .default([]),
  MILLCOURSE_API_TIMEOUT: durationMs('2s', 100),
  MILLCOURSE_API_CONCURRENCY: count(64, 10_000),
  MILLCOURSE_API_KEYS_MAX: count(100, 1_000),
  MILLCOURSE_API_BODY_MAX: sizeMb('1MiB', '1MiB', '64MiB'),
  MILLCOURSE_SERVER_STATE_DIR: z.string().optional(),
  MILLCOURSE_DEFINITIONS_REFRESH: durationMs('15s', 100),
  MILLCOURSE_DRAIN_DELAY: durationMs('5s'),
} as const

export interface HttpConfig {
  readonly host: string
  /** Null: none was said; 0: a free one. */
  readonly port: number | null
}

export interface ServerConfig {
  /** Empty: everybody may read. */
  readonly tokens: readonly string[]
  readonly timeoutMs: number
  readonly requestsMax: number
  readonly keysMax: number
  readonly bodyBytesMax: number
  /** Where the definitions are kept for a start while Postgres is away. */
  readonly stateDir: string
  readonly refreshMs: number
  /** After SIGTERM: so long it still answers, not ready, until the load balancers have seen it. */
  readonly drainDelayMs: number
}

type HttpEnvironment = z.output<z.ZodObject<typeof httpVariables>>

export function toHttpConfig(env: HttpEnvironment): HttpConfig {
  return { host: env.MILLCOURSE_HTTP_HOST, port: env.MILLCOURSE_HTTP_PORT ?? null }
}

export function toServerConfig(env: HttpEnvironment): ServerConfig {
  return {
    tokens: env.MILLCOURSE_API_TOKENS,
    timeoutMs: env.MILLCOURSE_API_TIMEOUT,
    requestsMax: env.MILLCOURSE_API_CONCURRENCY,
    keysMax: env.MILLCOURSE_API_KEYS_MAX,
    bodyBytesMax: env.MILLCOURSE_API_BODY_MAX * 1024 ** 2,
    stateDir: env.MILLCOURSE_SERVER_STATE_DIR ?? join(process.cwd(), '.millcourse', 'server'),
    refreshMs: env.MILLCOURSE_DEFINITIONS_REFRESH,
    drainDelayMs: env.MILLCOURSE_DRAIN_DELAY,
  }
}
