/** What the rows of a spine ask of one view, and the names by which answers are looked for. */
import type { ColumnType, ViewBundle } from '../define/definitions.js'
import { type Instant, nsPerSecond, parseInstant } from '../time/instant.js'
import { storedSqlType } from './column-types.js'
import type { CommittedFile } from './committed-files.js'
import { keyAlias } from './committed-rows.js'
import {
  all,
  cast,
  column,
  type Expression,
  join,
  type NamedExpression,
  operation,
  type Relation,
  type SqlQuery,
  select,
  table,
  tryCast,
} from './sql-algebra.js'
import type { TileConstants } from './tile-constants.js'
import { spineKey } from './training-spine.js'
import type { CoarseFile } from './window-values.js'

export interface Asked {
  /** Table of the spine: `__row`, `__t`, `__key<view>_<part>`. */
  readonly spine: string
  readonly prefix: string
  readonly view: number
  /** Types in which keys are compared. */
  readonly keys: readonly ColumnType[]
  readonly files: readonly CommittedFile[]
  /** Of a window view: coarse files that stand for what `files` hold in their spans. */
  readonly coarse: readonly CoarseFile[]
  /** Of all of those; left out: nothing is known of them. */
  readonly constants?: TileConstants
  /** R35: windows of features that were held: of a key with nothing in them null, not the answer of nothing (R8): it is new. */
  readonly isHeld?: true
  /** R35: the view is read in parts. Of windows a column of this name says whether a key has anything in any of the view's. */
  readonly thereColumn?: string
  /** No row of the spine looks at a later time; null: not known. */
  readonly latest: Instant | null
}

export interface Answers {
  readonly before: readonly SqlQuery[]
  /** Run once the answers are in a table: what `before` made is as large as they are. */
  readonly after: readonly SqlQuery[]
  /** Columns `__row` and the features by name; rows without an answer may be missing. */
  readonly answers: Relation
}

/** Of a row of the source, the parts of its key, in the types in which they are compared. */
export const keyName = (part: number): string => `__key${part}`
export const featureName = (name: string): string => `__feature ${name}`

export const keyNames = (asked: Asked): string[] => asked.keys.map((_, part) => keyName(part))

/** Where a row of windows looks that is answered by nothing (R8): before anything was published, or beyond the ttl. */
export const nowhere = ({ view }: Pick<ViewBundle, 'view'>): Instant => parseInstant(view.since)

/** Where a row looks for a feature that was held and never shown: null, whatever its ttl (R35). */
export const neverShown = (bundle: Pick<ViewBundle, 'view'>): Instant => nowhere(bundle) - nsPerSecond

/** From committed rows. */
export function comparedKeys({ view }: ViewBundle, asked: Asked): NamedExpression[] {
  return view.keyColumns.map(({ key }, part) => [keyName(part), comparedKey(asked, part, keyAlias(key))])
}

/** Null: a decimal that the spine's type, of more digits after the point, has no room for, so that no row of it has it. */
export function comparedKey(asked: Asked, part: number, name: string): Expression {
  const type = storedSqlType(asked.keys[part]!)
  return type.kind === 'decimal' ? tryCast(column(name), type) : cast(column(name), type)
}

/** The relation `spine` beside the one of this alias. */
export function sameKeys(asked: Asked, right: string): Expression[] {
  return asked.keys.map((_, part) =>
    operation('=', column(spineKey(asked.view, part), 'spine'), column(keyName(part), right)),
  )
}

/**
 * Only the rows of keys that the spine asks for. The keys are distinct, so that joining them multiplies no row, and the engine joins
 * small ranges of integers without a hash.
 */
export function ofAskedKeys(
  asked: Asked,
  rows: Relation,
  columns: readonly NamedExpression[],
  wanted: Relation = wantedKeys(asked),
): Relation {
  const isSame = all(
    asked.keys.map((_, part) => operation('=', column(keyName(part), 'rows'), column(wantedName(part), 'wanted'))),
  )
  return select(join('inner', [rows, 'rows'], [wanted, 'wanted'], isSame), columns)
}

export const wantedName = (part: number): string => `__wanted${part}`

/** The keys that the spine asks for, each once: `__wanted0` … */
export function wantedKeys(asked: Asked): Relation {
  return select(
    table(asked.spine),
    asked.keys.map((_, part): NamedExpression => [wantedName(part), column(spineKey(asked.view, part))]),
    { distinct: true },
  )
}
