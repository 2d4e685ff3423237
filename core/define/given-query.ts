import type { Columns } from './column-types.js'
import type { Documentation } from './documentation.js'
import type { Source } from './parquet.js'

/** A query's options as plain JavaScript gives them: nothing checked. */
export interface GivenQuery extends Documentation {
  readonly from?: Partial<Source>
  readonly with?: Readonly<Record<string, unknown>>
  readonly sql?: string
  readonly schema?: Columns
  readonly tombstone?: string | null
  readonly eventId?: { readonly column: string; readonly within?: string } | null
}
