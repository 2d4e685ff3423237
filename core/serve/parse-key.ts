/** Key parts as a person or a JSON request writes them (json-value.ts), as values of their declared types (R12). */
import type { Column, EntityDefinition } from '../define/definitions.js'
import { isMillcourseError, MillcourseError } from '../errors.js'
import { encodeKey } from '../publish/index.js'
import { parseInstant } from '../time/instant.js'
import { fromBase64 } from './base64.js'
import { endlessInstants } from './json-value.js'

/**
 * The encoded key; null: a part is null, which matches nothing (R5).
 * @param parts by key name; integers as text or bigint where they are beyond 2^53
 * @throws MillcourseError SERVE_KEY_INVALID naming the part that is absent, unknown or of another type
 */
export function parseKey(entity: EntityDefinition, parts: Readonly<Record<string, unknown>>): Uint8Array | null {
  const names = entity.keys.map(({ name }) => name)
  const unknown = Object.keys(parts).find((name) => !names.includes(name))
  if (unknown !== undefined) throw invalid(`"${unknown}" is no key of entity "${entity.name}"`, names)
  const absent = names.find((name) => parts[name] === undefined)
  if (absent !== undefined) throw invalid(`key "${absent}" of entity "${entity.name}" is not given`, names)
  if (names.some((name) => parts[name] === null)) return null
  return encodeKey(
    entity.keys,
    entity.keys.map((column) => parsePart(column, parts[column.name], names)),
  )
}

const asEngineWrites = /^(\d{4,}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])( \(BC\))?|-?infinity)$/

function parsePart(column: Column, value: unknown, names: readonly string[]): unknown {
  // A whole number is an exact decimal too; one with a fraction has gone through floating point and is refused.
  if (column.kind === 'decimal' && typeof value === 'bigint') return value.toString()
  if (typeof value !== 'string') return value
  switch (column.kind) {
    case 'string':
    case 'decimal':
      return value
    case 'date':
      // In another spelling it would be a key that nobody has.
      if (!asEngineWrites.test(value))
        throw invalid(`key "${column.name}": "${value}" is not a date as 2001-01-31`, names)
      return value
    case 'boolean':
      return value === 'true' ? true : value === 'false' ? false : value
    case 'timestamp': {
      const endless = endlessInstants.find(([text]) => text === value)
      if (endless) return endless[1]
      try {
        return parseInstant(value)
      } catch (error) {
        throw isMillcourseError(error) ? invalid(`key "${column.name}": ${error.message}`, names) : error
      }
    }
    case 'binary':
      return fromBase64(value) ?? value
    default:
      return /^-?\d+$/.test(value) ? BigInt(value) : value
  }
}

function invalid(message: string, names: readonly string[]): MillcourseError {
  return new MillcourseError('SERVE_KEY_INVALID', message, {
    hint: `give ${names.map((name) => `${name}=…`).join(' ')}`,
  })
}
