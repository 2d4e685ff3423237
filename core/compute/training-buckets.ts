/**
 * A join bucket by bucket: a compaction holds the rows of a key in one of its buckets (key-bucket.ts), so the spine is cut by the same hash and
 * each part of it is joined with its own files. What is sorted at once is as small as a bucket, lies in the processor's caches, and comes
 * in the order in which compaction left it. Files that have no buckets, those of single commits, are read for each part.
 */
import { declaredColumn, storedSqlType } from './column-types.js'
import { type CommittedFile, isOfCompaction } from './committed-files.js'
import { keyBucket } from './key-bucket.js'
import { printCreate, printDrop } from './print-duckdb.js'
import {
  all,
  column,
  type Expression,
  join,
  literal,
  type NamedExpression,
  operation,
  type Relation,
  type SqlQuery,
  select,
  table,
  tryCast,
} from './sql-algebra.js'
import { type Asked, wantedKeys, wantedName } from './training-asked.js'
import type { TrainingViewPlan } from './training-set-plan.js'
import { spineKey } from './training-spine.js'

/** Rows of the spine, and the keys they ask for (`wantedKeys`). */
export interface SpinePart {
  readonly spine: Relation
  readonly wanted: Relation
}

export interface SpineParts {
  /** Run first. */
  readonly before: readonly SqlQuery[]
  of(bucket: number): SpinePart
  /** Run once all parts are joined. */
  readonly after: readonly SqlQuery[]
}

/** A file of a compaction stands for many commits, of which it holds a bucket: about as much as so many commits have, or more. */
const commitsPerCompacted = 4
/** What is read again for other buckets may be half as much as there is. */
const readsMax = 1.5
const bucketColumn = '__bucket'

/** How many, a power of two; 1: all at once. */
export function bucketsToJoin(files: readonly CommittedFile[]): number {
  const sizes = files.map((file) =>
    isOfCompaction(file) ? { of: file.bucket.of, weight: commitsPerCompacted } : { of: 1, weight: 1 },
  )
  const readsOf = (buckets: number): number =>
    sizes.reduce((sum, { of, weight }) => sum + weight * Math.max(1, buckets / of), 0)
  let buckets = sizes.reduce((finest, { of }) => Math.max(finest, of), 1)
  while (buckets > 1 && readsOf(buckets) > readsMax * readsOf(1)) buckets /= 2
  return buckets
}

/** Files in which keys of the bucket may lie: buckets nest, whether the file's are larger or smaller. */
export function filesOfBucket(files: readonly CommittedFile[], number: number, of: number): CommittedFile[] {
  return files.filter((file) => {
    if (!isOfCompaction(file)) return true
    const coarser = Math.min(of, file.bucket.of)
    return number % coarser === file.bucket.number % coarser
  })
}

/** @param columns of the spine, by which a part is joined, beside the keys */
export function spineParts(
  view: TrainingViewPlan,
  asked: Asked,
  columns: readonly NamedExpression[],
  buckets: number,
): SpineParts {
  const keys = asked.keys.map(
    (_, part): NamedExpression => [spineKey(asked.view, part), column(spineKey(asked.view, part))],
  )
  if (buckets === 1) {
    const whole = { spine: select(table(asked.spine), [...columns, ...keys]), wanted: wantedKeys(asked) }
    return { before: [], of: () => whole, after: [] }
  }
  const names = { keys: `${asked.prefix}_keys`, rows: `${asked.prefix}_asked` }
  const wanted = keys.map((_, part): NamedExpression => [wantedName(part), column(wantedName(part))])
  const isSame = all(
    keys.map(([name], part) => operation('=', column(name, 'spine'), column(wantedName(part), 'wanted'))),
  )
  const spine = select(table(asked.spine), [...columns, ...keys])
  const rows = select(join('inner', [spine, 'spine'], [table(names.keys), 'wanted'], isSame), [
    ...[...columns, ...keys].map(([name]): NamedExpression => [name, column(name, 'spine')]),
    [bucketColumn, column(bucketColumn, 'wanted')],
  ])
  const ofBucket = (name: string, passed: readonly NamedExpression[], bucket: number): Relation =>
    select(table(name), passed, { where: operation('=', column(bucketColumn), literal(BigInt(bucket))) })
  const passed = [...columns, ...keys].map(([name]): NamedExpression => [name, column(name)])
  return {
    before: [
      printCreate('table', names.keys, select(wantedKeys(asked), [...wanted, [bucketColumn, bucketOf(view, buckets)]])),
      printCreate('table', names.rows, rows),
    ],
    of: (bucket) => ({
      spine: ofBucket(names.rows, passed, bucket),
      wanted: ofBucket(names.keys, wanted, bucket),
    }),
    after: [names.keys, names.rows].map((name) => printDrop('table', name)),
  }
}

/** Of wanted keys, as files hold them: the bucket is that of their text. What is no value of that type is no row's key. */
function bucketOf({ bundle: { entity, source, view } }: TrainingViewPlan, of: number): Expression {
  const values = view.keyColumns.map(({ column: name }, part) =>
    tryCast(column(wantedName(part)), storedSqlType(declaredColumn(source.schema, name))),
  )
  return keyBucket(entity.keys, values, of)
}
