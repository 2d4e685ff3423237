/** Postgres's errors as ours. No message carries the connection's URL. */
import { isMillcourseError, MillcourseError } from '../../core/errors.js'
import { findOutage } from './outages.js'

/** Where the server is, without credentials: `host:port/database`. */
export type ServerName = string

/** undefined table, undefined column, unknown schema, undefined function. */
const outdatedCodes = /^(42P01|42703|3F000|42883)$/
/** What the server refuses for good, and what is then to be looked at. */
const refusals: readonly (readonly [codes: RegExp, hint: string])[] = [
  [/^28...$/, 'check user and password in MILLCOURSE_POSTGRES_URL, and what pg_hba.conf asks of this machine (TLS)'],
  [/^3D000$/, 'make the database, or correct its name in MILLCOURSE_POSTGRES_URL'],
  [
    /^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_.*|CERT_.*)$/,
    'let sslrootcert in MILLCOURSE_POSTGRES_URL name the PEM file of the authority that signed its certificate',
  ],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, 'name the server in MILLCOURSE_POSTGRES_URL as its certificate does'],
  [
    /^42501$/,
    "give the user of MILLCOURSE_POSTGRES_URL its rights: on the project's schema, or CREATE on the database",
  ],
]
/** A conflict that the same transaction, run again, gets past: serialization failure, deadlock. */
const passingConflictCodes = /^(40001|40P01)$/
const lockTimeoutCode = '55P03'

interface VendorError {
  readonly code?: string
  readonly message?: string
  readonly errors?: readonly VendorError[]
}

export function isPassingConflict(error: unknown): boolean {
  return passingConflictCodes.test((error as VendorError)?.code ?? '')
}

export function isLockTimeout(error: unknown): boolean {
  return (error as VendorError)?.code === lockTimeoutCode
}

/** @returns our own errors as they are; what is no fault of the connection or the schema as INTERNAL. */
export function toMillcourseError(error: unknown, server: ServerName): MillcourseError {
  if (isMillcourseError(error)) return error
  const { code, message } = firstCause(error as VendorError)
  const facts = { server, ...(code === undefined ? {} : { vendorCode: code }) }
  const detail = { cause: error, facts }
  if (passingConflictCodes.test(code ?? '') || code === lockTimeoutCode)
    return new MillcourseError('LEDGER_CONFLICT', `the ledger is contended: ${message}`, {
      ...detail,
      hint: 'it is tried again by itself; if it stays, see what holds locks in pg_stat_activity',
    })
  if (outdatedCodes.test(code ?? ''))
    return new MillcourseError('LEDGER_SCHEMA_OUTDATED', `the ledger's schema is missing or older: ${message}`, {
      ...detail,
      hint: 'millcourse migrate',
    })
  const refusal = refusals.find(([codes]) => codes.test(code ?? ''))
  if (refusal)
    return new MillcourseError('LEDGER_ACCESS_DENIED', `no way into Postgres at ${server}: ${message}`, {
      ...detail,
      hint: refusal[1],
    })
  if (code === undefined && /does not support SSL/.test(message))
    return new MillcourseError('LEDGER_ACCESS_DENIED', `no way into Postgres at ${server}: it speaks no TLS`, {
      ...detail,
      hint: 'switch TLS on there (ssl = on), or, on a network that you trust, leave sslmode out of MILLCOURSE_POSTGRES_URL',
    })
  const outage = findOutage(code, message)
  if (outage)
    return new MillcourseError('LEDGER_UNREACHABLE', `Postgres at ${server} ${outage.what}: ${message}`, {
      ...detail,
      hint: outage.hint,
    })
  return new MillcourseError('INTERNAL', `the ledger failed: ${message}`, detail)
}

/** A host with several addresses fails with one error that holds the others. */
function firstCause(error: VendorError): { code: string | undefined; message: string } {
  const first = error.errors?.[0] ?? error
  return { code: first.code ?? error.code, message: first.message || error.message || String(error) }
}
