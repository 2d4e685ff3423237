/** The schema contract, checked from footers before any byte of data is read: what differs, in which file, was and is. */
import { familyOf, formatColumnType, isInteger } from '../define/column-types.js'
import type { Column, ColumnKind, SourceDefinition } from '../define/definitions.js'

/** A file's top-level columns, with the engine's names of types. */
export interface FileSchema {
  readonly file: string
  readonly columns: readonly { readonly name: string; readonly type: string }[]
}

export interface ContractDifference {
  readonly code: 'missing' | 'renamed' | 'twin' | 'retyped' | 'added'
  readonly column: string
  /** As declared; null: not declared. */
  readonly was: string | null
  /** As found; null: absent. */
  readonly is: string | null
  /** The first file it was found in, and how many more. */
  readonly file: string
  readonly filesMore: number
}

export interface ContractResult {
  /** Any of these forbids reading. */
  readonly breaches: readonly ContractDifference[]
  /** Columns that the source does not declare: never read. */
  readonly additions: readonly ContractDifference[]
}

/** The order of columns is free; a file's type may be narrower than declared, never wider; times in any unit (R11). */
export function checkContract(source: SourceDefinition, files: readonly FileSchema[]): ContractResult {
  const byWhat = new Map<string, ContractDifference>()
  for (const file of files)
    for (const difference of differences(source, file)) {
      const { code, column, was, is } = difference
      const what = JSON.stringify([code, column, was, is])
      const known = byWhat.get(what)
      byWhat.set(what, known ? { ...known, filesMore: known.filesMore + 1 } : difference)
    }
  const all = [...byWhat.values()]
  return {
    breaches: all.filter((difference) => difference.code !== 'added'),
    additions: all.filter((difference) => difference.code === 'added'),
  }
}

/** One sentence, the file in it. */
export function formatDifference(difference: ContractDifference): string {
  const { code, column, was, is, file, filesMore } = difference
  const where = `in ${file}${filesMore > 0 ? ` and ${filesMore} more` : ''}`
  switch (code) {
    case 'missing':
      return `column "${column}" was ${was}, is absent ${where}`
    case 'renamed':
      return `column "${column}" is written "${is}" ${where}`
    case 'twin':
      return is === column
        ? `column "${column}" is there more than once ${where}`
        : `column "${column}" has a twin that differs only by case, "${is}", ${where}`
    case 'retyped':
      return `column "${column}" was ${was}, is ${is === untyped ? 'all null and without a type' : is} ${where}`
    case 'added':
      return `column "${column}" (${is}) is not declared ${where}`
  }
}

function differences(source: SourceDefinition, { file, columns }: FileSchema): ContractDifference[] {
  const declaredNames = new Set(source.schema.map((declared) => declared.name))
  const found: ContractDifference[] = source.schema.flatMap((declared) => {
    const alike = columns.filter(({ name }) => name.toLowerCase() === declared.name.toLowerCase())
    const difference = breach(declared, alike)
    return difference ? [{ ...difference, column: declared.name, file, filesMore: 0 }] : []
  })
  const renamed = new Set(found.flatMap((difference) => (difference.code === 'missing' ? [] : [difference.is])))
  const added = columns.filter(({ name }) => !declaredNames.has(name) && !renamed.has(name))
  return [
    ...found,
    ...added.map(
      ({ name, type }) => ({ code: 'added', column: name, was: null, is: type, file, filesMore: 0 }) as const,
    ),
  ]
}

function breach(
  declared: Column,
  alike: readonly { readonly name: string; readonly type: string }[],
): Pick<ContractDifference, 'code' | 'was' | 'is'> | null {
  const was = formatColumnType({ ...declared, nullable: false })
  const found = alike.find(({ name }) => name === declared.name)
  // R23: the engine would take either of the two.
  const twin = found && alike.find((other) => other !== found)
  if (twin) return { code: 'twin', was, is: twin.name }
  if (found) return canHold(declared, found.type) ? null : { code: 'retyped', was, is: found.type }
  return alike[0] ? { code: 'renamed', was, is: alike[0].name } : { code: 'missing', was, is: null }
}

const integerBits: Readonly<
  Record<string, { readonly isSigned: boolean; readonly bits: number; readonly digits: number }>
> = {
  TINYINT: { isSigned: true, bits: 8, digits: 3 },
  SMALLINT: { isSigned: true, bits: 16, digits: 5 },
  INTEGER: { isSigned: true, bits: 32, digits: 10 },
  BIGINT: { isSigned: true, bits: 64, digits: 19 },
  UTINYINT: { isSigned: false, bits: 8, digits: 3 },
  USMALLINT: { isSigned: false, bits: 16, digits: 5 },
  UINTEGER: { isSigned: false, bits: 32, digits: 10 },
  UBIGINT: { isSigned: false, bits: 64, digits: 20 },
}
const timestamps = [
  ...['TIMESTAMP', 'TIMESTAMP_S', 'TIMESTAMP_MS', 'TIMESTAMP_NS', 'TIMESTAMP WITH TIME ZONE'],
  ...['TIMESTAMP_NS WITH TIME ZONE', 'INT96'],
]

/** The engine's name of Parquet's type of a column in which its writer (pandas, pyarrow) found nothing but nulls. */
const untyped = '"NULL"'

/** Of such a column in a file without a row: not even a null is there. */
export const valuelessType = 'no type, no value'

/** A column of nulls, which are as much of the declared type as of any. */
export function holdsOnlyNulls(fileType: string): boolean {
  return fileType === untyped || fileType === valuelessType
}

/** Whether every value of the file's type is one of the declared type. */
export function canHold(declared: Column, fileType: string): boolean {
  if (holdsOnlyNulls(fileType)) return declared.nullable || fileType === valuelessType
  const integer = integerBits[fileType]
  switch (familyOf(declared.kind)) {
    case 'integer':
      return integer !== undefined && fitsInteger(declared.kind, integer)
    case 'float':
      return fileType === 'FLOAT' || (fileType === 'DOUBLE' && declared.kind === 'float64')
    case 'decimal': {
      const [precision, scale] = [declared.precision ?? 38, declared.scale ?? 0]
      const digits = /^DECIMAL\((\d+),\s*(\d+)\)$/.exec(fileType)
      if (digits) return Number(digits[2]) <= scale && Number(digits[1]) - Number(digits[2]) <= precision - scale
      return integer !== undefined && integer.digits <= precision - scale
    }
    case 'timestamp':
      return timestamps.includes(fileType)
    case 'string':
      return fileType === 'VARCHAR'
    case 'boolean':
      return fileType === 'BOOLEAN'
    case 'date':
      return fileType === 'DATE'
    case 'binary':
      return fileType === 'BLOB'
    default:
      return false
  }
}

function fitsInteger(kind: ColumnKind, found: { readonly isSigned: boolean; readonly bits: number }): boolean {
  if (!isInteger(kind)) return false
  const isSigned = kind.startsWith('int')
  const bits = Number(kind.replace(/\D+/, ''))
  if (isSigned === found.isSigned) return found.bits <= bits
  return isSigned && found.bits < bits
}
