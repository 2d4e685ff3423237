/** The channels that the routes name, with their secrets; each loads its SDK only where it is used. */
import { readFile } from 'node:fs/promises'
import { type AskedSecret, readRouting } from '../adapters/alerts/routing-file/read-routing.js'
import type { ConfiguredAlerts } from '../cli/context.js'
import { type ChannelSettings, channelsFor, noRouting, type Routing, type Teller } from '../core/alert/index.js'
import { MillcourseError } from '../core/errors.js'
import type { AlertChannel } from '../core/ports/alert-channel.js'
import type { AlertConfig } from './alert-config.js'
import type { Config } from './config.js'

/** Of one attempt. */
const timeoutMs = 10_000

/** @throws MillcourseError CONFIG_INVALID where the routes cannot be read, with file, line and path */
export async function readAlerts({ project, alerts }: Pick<Config, 'project' | 'alerts'>): Promise<ConfiguredAlerts> {
  const teller = { project, runbooksUrl: alerts.runbooksUrl }
  const { from, routing, secrets } = await configured(alerts)
  const unset = secrets.filter(({ env }) => !alerts.secretOf(env))
  return {
    from,
    routing,
    unset: unset.map(({ where, env }) => `${where}: ${env} is not set`),
    channelsFor: (incident) => channelsFor(routing, incident),
    open: async (name) => {
      const settings = Object.hasOwn(routing.channels, name) ? routing.channels[name] : undefined
      if (settings === undefined)
        throw new MillcourseError('CONFIG_INVALID', `no channel is called ${name}`, {
          hint: `there are: ${Object.keys(routing.channels).join(', ') || 'none'}`,
          facts: { channel: name },
        })
      return await openChannel(name, settings, teller, (asked) => secretOf(alerts, secrets, asked))
    },
  }
}

/** All of them; one whose secret is not set keeps the process from starting. @throws MillcourseError CONFIG_INVALID */
export async function openAlertChannels(alerts: ConfiguredAlerts): Promise<AlertChannel[]> {
  if (alerts.unset.length > 0)
    throw new MillcourseError('CONFIG_INVALID', `secrets that the routes of alerts name: ${alerts.unset.join('; ')}`, {
      hint: 'set them in the environment of the watcher',
      facts: { unset: alerts.unset.length },
    })
  return await Promise.all(Object.keys(alerts.routing.channels).map((name) => alerts.open(name)))
}

interface Configured {
  readonly from: string | null
  readonly routing: Routing
  readonly secrets: readonly AskedSecret[]
}

async function configured({ routes, webhook }: AlertConfig): Promise<Configured> {
  if (routes !== null) {
    const from = 'text' in routes ? 'MILLCOURSE_ALERT_ROUTES' : routes.file
    return { from, ...readRouting('text' in routes ? routes.text : await read(routes.file), from) }
  }
  if (webhook === null) return { from: null, routing: noRouting, secrets: [] }
  // One URL for everything: a channel by the name of its kind.
  const secret = { env: 'MILLCOURSE_WEBHOOK_SECRET' }
  const channels = { webhook: { type: 'webhook', url: webhook.url, secret } } as const
  return { from: 'MILLCOURSE_WEBHOOK_URL', routing: { channels, routes: [], default: ['webhook'] }, secrets: [] }
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new MillcourseError('CONFIG_INVALID', `MILLCOURSE_ALERT_ROUTES_FILE: ${file} cannot be read`, {
      cause,
      hint: 'name a file that this process may read, or set MILLCOURSE_ALERT_ROUTES to its text',
      facts: { file },
    })
  }
}

type Asked = string | { readonly env: string }

/** @throws MillcourseError CONFIG_INVALID naming the variable and where it is asked for, never a value */
function secretOf({ secretOf: lookUp }: AlertConfig, secrets: readonly AskedSecret[], asked: Asked): string {
  if (typeof asked === 'string') return asked
  const value = lookUp(asked.env)
  if (value) return value
  const where = secrets.find(({ env }) => env === asked.env)?.where ?? 'the routes of alerts'
  throw new MillcourseError('CONFIG_INVALID', `${where}: ${asked.env} is not set`, {
    hint: `set ${asked.env} in the environment of the watcher`,
    facts: { variables: asked.env },
  })
}

type Reveal = (asked: Asked) => string

async function openChannel(
  name: string,
  settings: ChannelSettings,
  teller: Teller,
  reveal: Reveal,
): Promise<AlertChannel> {
  const common = { name, timeoutMs, ...teller }
  const addressOf = (asked: Asked) => httpAddress(name, asked, reveal)
  switch (settings.type) {
    case 'webhook': {
      const { createWebhookAlertChannel } = await import('../adapters/alerts/webhook/webhook-alert-channel.js')
      return createWebhookAlertChannel({ ...common, url: addressOf(settings.url), secret: reveal(settings.secret) })
    }
    case 'slack': {
      const { createSlackAlertChannel } = await import('../adapters/alerts/slack/slack-alert-channel.js')
      return createSlackAlertChannel({ ...common, url: addressOf(settings.url) })
    }
    case 'pagerduty': {
      const pagerDuty = await import('../adapters/alerts/pagerduty/pagerduty-alert-channel.js')
      const url = settings.url ?? pagerDuty.pagerDutyUrl
      return pagerDuty.createPagerDutyAlertChannel({ ...common, url, routingKey: reveal(settings.routingKey) })
    }
    case 'sns': {
      const { createSnsAlertChannel } = await import('../adapters/alerts/sns/sns-alert-channel.js')
      return createSnsAlertChannel({ ...common, topic: settings.topic, endpoint: settings.endpoint ?? null })
    }
    case 'email': {
      const { createEmailAlertChannel } = await import('../adapters/alerts/email/email-alert-channel.js')
      const { host, port = null, tls, ca: caFile = null, from, to, user, password } = settings
      const login = user && password ? { user, password: reveal(password) } : null
      return createEmailAlertChannel({ ...common, host, port, tls, caFile, from, to, login })
    }
  }
}

function httpAddress(name: string, asked: Asked, reveal: Reveal): string {
  const url = reveal(asked)
  if (URL.canParse(url) && /^https?:\/\//.test(url)) return url
  const what = typeof asked === 'string' ? 'url' : asked.env
  throw new MillcourseError('CONFIG_INVALID', `channel ${name}: ${what} is no address`, {
    hint: 'write it as https://host/path',
    facts: { channel: name },
  })
}
