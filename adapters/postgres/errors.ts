/** Postgres's errors as ours. No message carries the connection's URL. */
import { isMillcourseError, MillcourseError } from '../../core/errors.js'

/** Where the server is, without credentials: `host:port/database`. */
export type ServerName = string

const unreachableCodes =
  /^(08...|57P0[123]|53...|25006|25P03|ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH|ENOENT)$/
const unreachableMessages =
  /connection terminated|timeout exceeded when trying to connect|query read timeout|client has encountered a connection error|socket disconnected|write after end/i
/** undefined table, undefined column, unknown schema, undefined function. */
const outdatedCodes = /^(42P01|42703|3F000|42883)$/
/** wrong password, no such role, no such database, no privilege. */
const configurationCodes = /^(28...|3D000|42501)$/
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
  if (configurationCodes.test(code ?? ''))
    return new MillcourseError('CONFIG_INVALID', `Postgres at ${server} refused: ${message}`, {
      ...detail,
      hint: 'check user, password, database and privileges in MILLCOURSE_POSTGRES_URL',
    })
  if (unreachableCodes.test(code ?? '') || (code === undefined && unreachableMessages.test(message)))
    return new MillcourseError('LEDGER_UNREACHABLE', `Postgres at ${server} does not answer: ${message}`, {
      ...detail,
      hint: 'millcourse doctor shows what is reachable',
    })
  return new MillcourseError('INTERNAL', `the ledger failed: ${message}`, detail)
}

/** A host with several addresses fails with one error that holds the others. */
function firstCause(error: VendorError): { code: string | undefined; message: string } {
  const first = error.errors?.[0] ?? error
  return { code: first.code ?? error.code, message: first.message || error.message || String(error) }
}
