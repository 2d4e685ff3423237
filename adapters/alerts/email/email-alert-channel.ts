/** Alerts as e-mail over SMTP; the mails of one incident are one thread. */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import nodemailer from 'nodemailer'
import { incidentLines, type Teller, tellIncident } from '../../../core/alert/index.js'
import { MillcourseError } from '../../../core/errors.js'
import type { AlertChannel, AlertMessage } from '../../../core/ports/alert-channel.js'

export interface EmailOptions extends Teller {
  readonly name: string
  readonly host: string
  /** Null: 587, with `implicit` 465. */
  readonly port: number | null
  /** `starttls` and `implicit` send nothing in the clear; a server that offers no TLS is refused. */
  readonly tls: 'starttls' | 'implicit' | 'none'
  /** PEM file of the authority that signed the server's certificate; null: those that Node trusts. */
  readonly caFile: string | null
  readonly login: { readonly user: string; readonly password: string } | null
  readonly from: string
  readonly to: readonly string[]
  /** Of each silence of the server; a mail as a whole gets `silencesMax` times as long. */
  readonly timeoutMs: number
}

/** A server that is never silent for long, and never done, keeps its channel no longer. */
const silencesMax = 6

/** @throws MillcourseError CONFIG_INVALID where the authority's file cannot be read */
export function createEmailAlertChannel(options: EmailOptions): AlertChannel {
  const { name, host, tls, login, from, to, timeoutMs } = options
  const port = options.port ?? (tls === 'implicit' ? 465 : 587)
  const transport = nodemailer.createTransport({
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    tls: { ...(options.caFile === null ? {} : { ca: readAuthority(name, options.caFile) }) },
    ...(login === null ? {} : { auth: { user: login.user, pass: login.password } }),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    // Texts are ours alone: nothing is read from files or addresses on their behalf.
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  return {
    name,
    async send(message) {
      const where = `SMTP server ${host}:${port}`
      const signal = AbortSignal.timeout(silencesMax * timeoutMs)
      const sent = await transport
        .sendMail({ from, to: [...to], ...mailOf(message, options), signal })
        .catch((error: unknown) => {
          if (signal.aborted) throw undelivered(`${where} was not done within ${silencesMax * timeoutMs} ms`, 'EABORT')
          throw toMillcourse(error as SmtpError, where, login?.password)
        })
      const refused = sent.rejected.map(String)
      if (refused.length === 0) return sent.response
      throw new MillcourseError('ALERT_REFUSED', `${where} refuses ${refused.join(', ')}; the others have it`, {
        hint: `correct \`to\` of channel ${name}`,
        facts: { host, refused: 'message' },
      })
    },
  }
}

function mailOf(message: AlertMessage, options: EmailOptions) {
  const { deliveryId, incident } = message
  const told = tellIncident(message, options)
  const domain = options.from.slice(options.from.indexOf('@') + 1)
  const thread = createHash('sha256').update(`${options.project}|${incident.key}|${incident.openedAt}`).digest('hex')
  return {
    subject: told.title,
    text: `${incidentLines(told)
      .map(([name, text]) => `${`${name}:`.padEnd(13)}${text}`)
      .join('\n')}\n`,
    messageId: `<${deliveryId}@${domain}>`,
    references: `<${thread.slice(0, 32)}@${domain}>`,
    inReplyTo: `<${thread.slice(0, 32)}@${domain}>`,
    priority: incident.severity === 'critical' ? ('high' as const) : ('normal' as const),
    headers: {
      'Auto-Submitted': 'auto-generated',
      'X-Millcourse-Incident': incident.key,
      'X-Millcourse-Event': message.event,
    },
  }
}

interface SmtpError {
  readonly code?: string
  readonly responseCode?: number
  readonly response?: string
  readonly message?: string
}

/** 4xx passes; 5xx does not, nor does a login that is refused (RFC 5321, 4.2.1). */
function toMillcourse(error: SmtpError, where: string, password: string | undefined): MillcourseError {
  const { code = 'unknown', responseCode, response, message = '' } = error
  const said = `: ${withoutSecret(response ?? message, password).slice(0, 300)}`
  const isPermanent = (responseCode !== undefined && responseCode >= 500) || code === 'ETLS'
  if (!isPermanent) return undelivered(`${where} did not take it (${code})${said}`, code)
  const isAboutMessage = code === 'EMESSAGE'
  return new MillcourseError('ALERT_REFUSED', `${where} refuses it (${code})${said}`, {
    hint:
      code === 'ETLS'
        ? 'it offers no TLS that can be trusted: name its authority with `ca`, or another server'
        : 'see `user`, `password`, `from` and `to` of the channel',
    facts: { code, refused: isAboutMessage ? 'message' : 'channel' },
  })
}

function undelivered(what: string, code: string): MillcourseError {
  return new MillcourseError('ALERT_UNDELIVERED', what, {
    hint: 'it is tried again until it is delivered',
    facts: { code },
  })
}

/** As it is, and as AUTH writes it. */
function withoutSecret(text: string, secret: string | undefined): string {
  if (secret === undefined) return text
  const written = [secret, Buffer.from(secret).toString('base64')]
  return written.reduce((clean, one) => clean.replaceAll(one, '[password]'), text)
}

function readAuthority(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw new MillcourseError('CONFIG_INVALID', `channel ${name}: ca: ${file} cannot be read`, {
      hint: 'name a PEM file that this process may read',
      facts: { channel: name, file },
    })
  }
}
