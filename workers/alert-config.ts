/** What the environment says about alerts; the routes themselves are read when they are needed. */
import { z } from 'zod'
import { MillcourseError } from '../core/errors.js'
import { durationMs, httpUrl } from './config-values.js'

export const alertVariables = {
  MILLCOURSE_ALERT_ROUTES: z.string().optional(),
  MILLCOURSE_ALERT_ROUTES_FILE: z.string().optional(),
  MILLCOURSE_RUNBOOKS_URL: httpUrl('https://github.com/acme/features/blob/main/docs/runbooks').optional(),
  MILLCOURSE_HEARTBEAT_URL: httpUrl('https://host/path').optional(),
  // Services that count signs of life refuse those that come every few seconds.
  MILLCOURSE_HEARTBEAT_EVERY: durationMs('60s', 1_000),
  MILLCOURSE_WEBHOOK_URL: httpUrl('https://host/path').optional(),
  MILLCOURSE_WEBHOOK_SECRET: z.string().startsWith('whsec_', 'write it as whsec_ and base64').optional(),
}

export interface AlertConfig {
  /** Signed; without routes, all alerts go there. Null: there is none. */
  readonly webhook: { readonly url: string; readonly secret: string } | null
  /** Null: no routes are told. */
  readonly routes: { readonly text: string } | { readonly file: string } | null
  /** Null: runbooks are named by their path in the repository. */
  readonly runbooksUrl: string | null
  /** A dead-man switch, called after looks that worked; null: nobody outside is told. */
  readonly heartbeatUrl: string | null
  readonly heartbeatEveryMs: number
  /** What routes name and only the environment holds; undefined: it is not set. */
  readonly secretOf: (name: string) => string | undefined
}

type Read = z.output<z.ZodObject<typeof alertVariables>>

/** @throws MillcourseError CONFIG_INVALID */
export function toAlertConfig(env: Read, given: Readonly<Record<string, string | undefined>>): AlertConfig {
  const { MILLCOURSE_ALERT_ROUTES: text, MILLCOURSE_ALERT_ROUTES_FILE: file } = env
  const webhook = toWebhook(env.MILLCOURSE_WEBHOOK_URL, env.MILLCOURSE_WEBHOOK_SECRET)
  const routes = text !== undefined ? { text } : file !== undefined ? { file } : null
  if (webhook !== null && routes !== null)
    throw new MillcourseError('CONFIG_INVALID', 'MILLCOURSE_WEBHOOK_URL is set beside routes of alerts', {
      hint: 'make it a channel of the routes, its URL under another variable, and unset MILLCOURSE_WEBHOOK_URL',
      facts: { variables: 'MILLCOURSE_WEBHOOK_URL' },
    })
  return {
    webhook,
    routes,
    runbooksUrl: env.MILLCOURSE_RUNBOOKS_URL ?? null,
    heartbeatUrl: env.MILLCOURSE_HEARTBEAT_URL ?? null,
    heartbeatEveryMs: env.MILLCOURSE_HEARTBEAT_EVERY,
    secretOf: (name) => given[name],
  }
}

/** An unsigned alert can be forged, so a URL without a secret is refused rather than sent unsigned. */
function toWebhook(url: string | undefined, secret: string | undefined): AlertConfig['webhook'] {
  if (url === undefined) return null
  if (secret !== undefined) return { url, secret }
  throw new MillcourseError('CONFIG_INVALID', 'MILLCOURSE_WEBHOOK_URL is set, MILLCOURSE_WEBHOOK_SECRET is not', {
    hint: 'set MILLCOURSE_WEBHOOK_SECRET to whsec_$(openssl rand -base64 32) and give the same to the receiver',
  })
}
