/** Which whole numbers an integer type holds. */
import type { ColumnKind } from '../define/definitions.js'

export type IntegerKind = Extract<ColumnKind, `${'' | 'u'}int${number}`>

export function fitsKind(kind: IntegerKind, value: bigint): boolean {
  const [least, most] = ranges[kind]
  return least <= value && value <= most
}

const signed = (bits: bigint) => [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n] as const
const unsigned = (bits: bigint) => [0n, 2n ** bits - 1n] as const

/** Worked out once: every value read is asked for. */
const ranges: Readonly<Record<IntegerKind, readonly [bigint, bigint]>> = {
  ...{ int8: signed(8n), int16: signed(16n), int32: signed(32n), int64: signed(64n) },
  ...{ uint8: unsigned(8n), uint16: unsigned(16n), uint32: unsigned(32n), uint64: unsigned(64n) },
}
