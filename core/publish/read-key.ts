/** Keys as they are found in a table, where anybody may have put anything. */
import type { Column, ViewBundle } from '../define/definitions.js'
import { decodeKey, encodeKey } from './key-encoding.js'
import type { PackedValue } from './message-pack.js'

/**
 * Null: none that a publish wrote. That are bytes of something else, too, and a second spelling of a key (R13), which nobody asks for
 * and which would stand for the same key as the first.
 */
export function readKey({ keys }: ViewBundle['entity'], key: Uint8Array): PackedValue[] | null {
  try {
    const parts = decodeKey(keys, key)
    const again = encodeKey(keys, parts)
    const isSame = again.length === key.length && again.every((byte, index) => byte === key[index])
    return isSame && keys.every((column, index) => isHeld(column, parts[index]!)) ? parts : null
  } catch {
    return null
  }
}

/** What travels as text: whether the type has such a value, spelled so. */
function isHeld(column: Column, part: PackedValue): boolean {
  switch (column.kind) {
    case 'date':
      return isDate(String(part))
    case 'timestamp':
      return /^-?\d{1,38}$/.test(String(part))
    case 'decimal': {
      const [whole = '', fraction = ''] = String(part).replace('-', '').split('.')
      const { precision = 38, scale = 0 } = column
      return fraction.length <= scale && whole.replace(/^0$/, '').length <= precision - scale
    }
    default:
      return true
  }
}

/** Of years of four digits each day; what is beyond them the engine can tell. */
function isDate(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return /^(\d{4,7}-\d\d-\d\d( \(BC\))?|-?infinity)$/.test(text)
  const at = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text)
}
