/** What a training set is asked for, checked before anything is read (R12, R13, R14, R23). */
import { familyOf, formatColumnType } from '../define/column-types.js'
import type { Column, ColumnType, Feature, ViewBundle } from '../define/definitions.js'
import { didYouMean } from '../define/did-you-mean.js'
import { MillcourseError } from '../errors.js'
import type { FileColumn } from './file-types.js'

export interface TrainingRequest {
  readonly spine: {
    /** URI of one file. */
    readonly file: string
    /** A CSV file has no types: its columns are text, read as instant or key where one is needed. */
    readonly format: 'parquet' | 'csv'
    readonly eventTimeColumn: string
    /** A copy whose times the engine does not round (exact-copies.ts). Left out: the file itself. */
    readonly readFrom?: string
    /** In the file's order: `spineColumnsFrom` of the rows of `buildSpineColumnsQuery`. */
    readonly columns: readonly FileColumn[]
  }
  readonly views: readonly TrainingViewRequest[]
}

export interface TrainingViewRequest {
  readonly bundle: ViewBundle
  /** Names of features, in the order of the output. */
  readonly features: readonly string[]
  /** Key -> spine column, for keys that are called differently there (R13). */
  readonly mapping: Readonly<Record<string, string>>
  /** Begins the output's names instead of the view's: the same view under two mappings keeps both. */
  readonly as?: string
}

export interface TrainingPlan {
  readonly spine: TrainingRequest['spine']
  readonly views: readonly TrainingViewPlan[]
}

export interface TrainingViewPlan {
  readonly bundle: ViewBundle
  readonly keys: readonly TrainingKey[]
  readonly features: readonly { readonly feature: Feature; readonly output: string }[]
}

export interface TrainingKey {
  readonly key: Column
  readonly spineColumn: FileColumn
}

/**
 * @throws MillcourseError TRAINING_SPINE_INVALID (a column is missing, or no time), TRAINING_KEY_TYPE, TRAINING_NAME_TAKEN, SERVE_KEY_INVALID
 * (a mapping names no key), REGISTRY_UNKNOWN_FEATURE
 */
export function planTrainingSet(request: TrainingRequest): TrainingPlan {
  const { spine } = request
  checkSpine(spine)
  const taken = new Map(spine.columns.map(({ name }) => [name.toLowerCase(), 'the spine']))
  const views = request.views.map((asked): TrainingViewPlan => {
    const { bundle } = asked
    checkMapping(asked)
    const features = asked.features.map((name) => {
      const output = `${asked.as ?? bundle.view.name}__${name}`
      const feature = findFeature(bundle, name)
      claim(taken, output, `feature ${name} of view ${bundle.view.name}`)
      return { feature, output }
    })
    return { bundle, features, keys: bundle.entity.keys.map((key) => planKey(spine, asked, key)) }
  })
  return { spine, views }
}

function refuseSpine(message: string, hint: string, facts: Record<string, string>): never {
  throw new MillcourseError('TRAINING_SPINE_INVALID', message, { hint, facts })
}

function checkSpine({ file, format, eventTimeColumn, columns }: TrainingRequest['spine']): void {
  const seen = new Map<string, string>()
  for (const [index, { name }] of columns.entries()) {
    if (name === '')
      refuseSpine(`column ${index + 1} of the spine has no name`, 'name every column in the first line', { file })
    const twin = seen.get(name.toLowerCase())
    if (twin !== undefined)
      refuseSpine(`the spine has columns "${twin}" and "${name}", which differ only by case`, 'rename one of them', {
        file,
        column: name,
      })
    seen.set(name.toLowerCase(), name)
  }
  // By it the engine tells which row of the file a row is, and it cannot do so beside a column of that name.
  const numbered = columns.find(({ name }) => format === 'parquet' && name.toLowerCase() === 'file_row_number')
  if (numbered)
    refuseSpine(`the spine has a column "${numbered.name}", a name that the engine needs`, 'rename it', {
      file,
      column: numbered.name,
    })
  const time = columns.find(({ name }) => name === eventTimeColumn)
  const names = columns.map(({ name }) => name).join(', ')
  if (!time) {
    refuseSpine(
      `the spine has no column "${eventTimeColumn}" for the event time`,
      `${nearColumn(eventTimeColumn, { columns })}its columns are ${names}`,
      {
        file,
        column: eventTimeColumn,
      },
    )
  }
  if (format === 'parquet' && spineFamily(time) !== 'timestamp')
    refuseSpine(`the event time "${time.name}" is ${time.type}, not a timestamp`, 'write it as a timestamp, in UTC', {
      file,
      column: time.name,
    })
}

function nearColumn(name: string, { columns }: Pick<TrainingRequest['spine'], 'columns'>): string {
  return didYouMean(
    name,
    columns.map((entry) => entry.name),
  )
}

function claim(taken: Map<string, string>, name: string, by: string): void {
  const owner = taken.get(name.toLowerCase())
  if (owner === by)
    throw new MillcourseError('TRAINING_NAME_TAKEN', `"${name}" is asked for twice: ${by}`, {
      hint: 'ask for it once; joined on another key it has another alias: --features ALIAS=VIEW:feature',
      facts: { column: name },
    })
  if (owner !== undefined)
    throw new MillcourseError('TRAINING_NAME_TAKEN', `"${name}" is a column of ${owner} and of ${by}`, {
      hint: 'rename the column of the spine, or join the view under another name: --features ALIAS=VIEW:feature',
      facts: { column: name },
    })
  taken.set(name.toLowerCase(), by)
}

function findFeature({ view }: ViewBundle, name: string): Feature {
  const found = view.features.find((feature) => feature.name === name)
  if (found) return found
  const names = view.features.map((feature) => feature.name)
  throw new MillcourseError('REGISTRY_UNKNOWN_FEATURE', `view ${view.name} has no feature "${name}"`, {
    hint: `${didYouMean(name, names)}its features are ${names.join(', ')}`,
    facts: { view: view.name, feature: name },
  })
}

function checkMapping({ bundle, mapping }: TrainingViewRequest): void {
  const keys = bundle.entity.keys.map((key) => key.name)
  for (const key of Object.keys(mapping))
    if (!keys.includes(key))
      throw new MillcourseError('SERVE_KEY_INVALID', `view ${bundle.view.name} has no key "${key}"`, {
        hint: `${didYouMean(key, keys)}its keys are ${keys.join(', ')}`,
        facts: { view: bundle.view.name, key },
      })
}

function planKey(spine: TrainingRequest['spine'], { bundle, mapping }: TrainingViewRequest, key: Column): TrainingKey {
  const name = mapping[key.name] ?? key.name
  const view = bundle.view.name
  const spineColumn = spine.columns.find((entry) => entry.name === name)
  if (!spineColumn)
    return refuseSpine(
      `the spine has no column "${name}" for key "${key.name}" of view ${view}`,
      `${nearColumn(name, spine)}--map ${view}.${key.name}=column, with one of ${spine.columns.map((entry) => entry.name).join(', ')}`,
      { file: spine.file, column: name, view },
    )
  const isReadable =
    spine.format === 'csv'
      ? key.kind !== 'binary' && key.kind !== 'decimal'
      : spineFamily(spineColumn) === familyOf(key.kind)
  if (!isReadable)
    throw new MillcourseError(
      'TRAINING_KEY_TYPE',
      `column "${name}" of the spine is ${spine.format === 'csv' ? 'text' : spineColumn.type}, key "${key.name}" of view ${view} is ${formatColumnType(key)} (R12)`,
      {
        hint: 'write the column with the type of the key; nothing is converted, so that no two keys become one',
        facts: { column: name, view, key: key.name },
      },
    )
  return { key, spineColumn }
}

const families: readonly (readonly [RegExp, string])[] = [
  [/^U?(TINYINT|SMALLINT|INTEGER|BIGINT)$/, 'integer'],
  [/^(FLOAT|DOUBLE)$/, 'float'],
  [/^DECIMAL/, 'decimal'],
  [/^VARCHAR$/, 'string'],
  [/^BOOLEAN$/, 'boolean'],
  [/^(TIMESTAMP|INT96$)/, 'timestamp'],
  [/^DATE$/, 'date'],
  [/^BLOB$/, 'binary'],
]

function spineFamily({ type }: FileColumn): string {
  return families.find(([pattern]) => pattern.test(type))?.[1] ?? type
}

/** The type in which spine and view keys of one family are compared, each value of both exactly (R12). */
export function comparedType(key: ColumnType, spineType: string): ColumnType {
  const as = (kind: ColumnType['kind'], more: Partial<ColumnType> = {}): ColumnType => ({ ...key, kind, ...more })
  switch (familyOf(key.kind)) {
    case 'integer':
      // 38 digits hold every 64-bit integer, signed or not.
      return key.kind === 'uint64' || spineType === 'UBIGINT' ? as('decimal', { precision: 38, scale: 0 }) : as('int64')
    case 'decimal': {
      const scale = Number(/,(\d+)\)$/.exec(spineType)?.[1] ?? 0)
      return as('decimal', { precision: 38, scale: Math.max(scale, key.scale ?? 0) })
    }
    default:
      return key
  }
}
