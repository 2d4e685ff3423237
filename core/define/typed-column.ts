import { formatColumnType } from './column-types.js'
import type { Column, ValueType } from './definitions.js'

/** A column without whether nulls may occur: that is a promise of the source, and decides no value. */
export function typed({ name, ...type }: Column): { readonly name: string; readonly type: string } {
  return { name, type: formatKind(type) }
}

export function formatKind(type: ValueType): string {
  return formatColumnType({ ...type, nullable: false })
}
