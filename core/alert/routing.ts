/**
 * Who is told of what: channels by name, and routes that choose among them by an incident's owner, severity and rule, and by whether nobody has
 * acknowledged it in time. Secrets stand for themselves nowhere: a field that is one names the variable that holds it.
 */
import { z } from 'zod'
import { type Incident, incidentRules, splitOwners } from '../watch/index.js'

/** A value that is in the environment of the process alone. */
const secret = z.strictObject(
  { env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of an environment variable, as ADS_SLACK_URL') },
  'a secret is named, not written: { env: NAME }',
)
export type SecretName = z.output<typeof secret>

const url = z.url({ protocol: /^https?$/, error: 'write it as https://host/path' })
const secretOrUrl = z.union([url, secret], 'write it as https://host/path or as { env: NAME }')
const mailbox = z.email('write it as name@example.com')

const channel = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('webhook'), url: secretOrUrl, secret }),
    z.strictObject({ type: z.literal('slack'), url: secret }),
    z.strictObject({ type: z.literal('pagerduty'), routingKey: secret, url: url.optional() }),
    z.strictObject({
      type: z.literal('sns'),
      topic: z
        .string()
        .regex(/^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]{1,256}(\.fifo)?$/, 'the ARN of a topic of SNS'),
      endpoint: url.optional(),
    }),
    z
      .strictObject({
        type: z.literal('email'),
        host: z.string().min(1),
        port: z.number().int().min(1).max(65_535).optional(),
        tls: z.enum(['starttls', 'implicit', 'none']).default('starttls'),
        ca: z.string().optional(),
        from: mailbox,
        to: z.array(mailbox).min(1),
        user: z.string().min(1).optional(),
        password: secret.optional(),
      })
      .refine(({ user, password }) => (user === undefined) === (password === undefined), {
        path: ['user'],
        error: 'user and password: both or none',
      })
      .refine(({ tls, password }) => tls !== 'none' || password === undefined, {
        path: ['tls'],
        error: 'a password is not sent in the clear: starttls or implicit',
      }),
  ],
  'one of: webhook, slack, pagerduty, sns, email',
)
export type ChannelSettings = z.output<typeof channel>

const oneOrMore = <Value extends z.ZodType<string>>(value: Value) =>
  z.union([value.transform((one) => [one]), z.array(value).min(1)])
const route = z.strictObject({
  owner: oneOrMore(z.string().min(1)).optional(),
  severity: oneOrMore(z.enum(['warning', 'critical'])).optional(),
  rule: oneOrMore(z.enum(incidentRules)).optional(),
  escalated: z.boolean().optional(),
  to: z.array(z.string()),
})

/** Every incident goes to the log, too: no channel has its name. */
const logName = 'log'

export const routingSchema = z
  .strictObject({
    channels: z.record(
      z
        .string()
        .regex(/^[a-z][a-z0-9_-]{0,62}$/, 'lower-case letters, digits, - and _, a letter first')
        .refine((name) => name !== logName, 'log is the log'),
      channel,
    ),
    routes: z.array(route).default([]),
    default: z.array(z.string()),
  })
  .check(({ value, issues }) => {
    const named = [
      ...value.routes.flatMap(({ to }, index) => to.map((name, at) => ({ name, path: ['routes', index, 'to', at] }))),
      ...value.default.map((name, at) => ({ name, path: ['default', at] })),
    ]
    const known = Object.keys(value.channels)
    for (const { name, path } of named)
      if (!known.includes(name))
        issues.push({
          code: 'custom',
          input: name,
          path,
          message: `no channel of this name; there are: ${known.join(', ') || 'none'}`,
        })
  })

export type Routing = z.output<typeof routingSchema>

/** To the log alone. */
export const noRouting: Routing = { channels: {}, routes: [], default: [] }

/** The first route that matches decides; one cause that hits views of several owners is told to each. */
export function channelsFor({ routes, default: rest }: Routing, incident: Incident): readonly string[] {
  const names = ownersOf(incident).flatMap((owner) => {
    const found = routes.find(
      ({ owner: owners, severity, rule, escalated }) =>
        (!owners || (owner !== null && owners.includes(owner))) &&
        (!severity || severity.includes(incident.severity)) &&
        (!rule || rule.includes(incident.rule)) &&
        (escalated === undefined || escalated === isEscalated(incident)),
    )
    return found?.to ?? rest
  })
  return [...new Set([logName, ...names])]
}

/** From then on, its end included. */
function isEscalated({ escalatedAt = null }: Incident): boolean {
  return escalatedAt !== null
}

/** Of all views that it hits; null: nobody's. */
export function ownersOf({ owner, facts }: Incident): readonly (string | null)[] {
  const owners = splitOwners(`${facts.owners ?? ''}`)
  return owners.length > 0 ? owners : [owner]
}
