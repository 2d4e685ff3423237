/**
 * What the compiler knows of a view: each check answers with the type itself where it fits, and with a `DefineError` that says
 * what is wrong where it does not. check-view.ts says the same at run time.
 */
import type { KindsOf, WantedBy, WindowOperation } from '../compute/operations/index.js'
import type { BucketKind, buckets } from '../compute/operations/takes.js'
import type { ColumnBuilder, Columns, FamilyOf, NumericKind } from './column-types.js'
import type { DefineError } from './define-error.js'
import type { FeatureCheck, FeatureDrift, FeatureSeverity } from './definitions.js'
import type { Entity } from './entity.js'
import type { FeatureSpec, FeatureSpecs, LookupSpec, WindowSpec } from './features.js'
import type { Source } from './parquet.js'

/** Entity key -> source column; a key that is left out has the column of its own name. */
export type KeyMapping = Readonly<Record<string, string>>

type KindOf<Schema extends Columns, Column> = Column extends keyof Schema ? Schema[Column]['kind'] : never

/** Keys whose source column does not exist under the key's own name, or is of another family (R12). */
type KeyProblems<View extends string, E extends Entity, S extends Source, Mapping extends KeyMapping> = {
  [Key in keyof E['keys'] & string]: Key extends keyof Mapping ? never : KeyProblem<View, Key, Key, E['keys'][Key], S>
}[keyof E['keys'] & string]

type KeyProblem<
  View extends string,
  Key extends string,
  Column extends string,
  KeyType extends ColumnBuilder,
  S extends Source,
> = Column extends keyof S['schema']
  ? [FamilyOf<KindOf<S['schema'], Column>>] extends [FamilyOf<KeyType['kind']>]
    ? never
    : `view '${View}': key '${Key}' is ${KeyType['kind']}, column '${Column}' of source '${S['name']}' is ${KindOf<S['schema'], Column>} (R12)`
  : `view '${View}' joins on '${Column}', which source '${S['name']}' does not have`

export type CheckedEntity<View extends string, E extends Entity, S extends Source, Mapping extends KeyMapping> = [
  KeyProblems<View, E, S, Mapping>,
] extends [never]
  ? E
  : DefineError<KeyProblems<View, E, S, Mapping>>

export type CheckedKeys<View extends string, E extends Entity, S extends Source, Mapping extends KeyMapping> = {
  readonly [Key in keyof Mapping]: Key extends keyof E['keys'] & string
    ? [KeyProblem<View, Key, Mapping[Key], E['keys'][Key], S>] extends [never]
      ? Mapping[Key]
      : DefineError<KeyProblem<View, Key, Mapping[Key], E['keys'][Key], S>>
    : DefineError<`view '${View}' maps the key '${Key & string}', which entity '${E['name']}' does not have`>
}

export type CheckedFeatures<View extends string, S extends Source, Specs extends FeatureSpecs> = {
  readonly [Name in keyof Specs]: CheckedFeature<View, Name & string, S, Specs[Name], Specs>
}

type CheckedFeature<
  View extends string,
  Name extends string,
  S extends Source,
  Spec extends FeatureSpec,
  All extends FeatureSpecs,
> =
  Spec extends LookupSpec<infer Column>
    ? Extract<All[keyof All], WindowSpec> extends never
      ? Column extends null
        ? CheckedColumn<View, Name, S, Name, Spec>
        : CheckedColumn<View, Name, S, Column & string, Spec>
      : DefineError<`view '${View}': lookup '${Name}' stands beside windows; make it a view of its own, a feature service puts the two together`>
    : Spec extends WindowSpec<infer Operation, infer Column, infer By>
      ? Column extends string
        ? CheckedColumn<
            View,
            Name,
            S,
            Column,
            CheckedOperation<View, Name, S, Operation, Column, CheckedBuckets<View, Name, S, By, Spec>>
          >
        : CheckedBuckets<View, Name, S, By, Spec>
      : never

type CheckedBuckets<View extends string, Name extends string, S extends Source, By, Fits> = By extends string
  ? CheckedColumn<
      View,
      Name,
      S,
      By,
      KindOf<S['schema'], By> extends BucketKind
        ? Fits
        : DefineError<`view '${View}': feature '${Name}' has buckets by '${By}', which is ${KindOf<S['schema'], By>}, not ${(typeof buckets)['wanted']}`>
    >
  : Fits

type CheckedColumn<
  View extends string,
  Name extends string,
  S extends Source,
  Column extends string,
  Fits,
> = Column extends keyof S['schema']
  ? Fits
  : DefineError<`view '${View}': feature '${Name}' reads column '${Column}', which source '${S['name']}' does not have`>

type CheckedOperation<
  View extends string,
  Name extends string,
  S extends Source,
  Operation extends WindowOperation,
  Column extends string,
  Fits,
> =
  KindOf<S['schema'], Column> extends KindsOf<Operation>
    ? Fits
    : DefineError<`view '${View}': feature '${Name}' takes ${Operation} of '${Column}', which is ${KindOf<S['schema'], Column>}, not ${WantedBy<Operation>}`>

/** The column a feature reads; null: rows are counted. */
type ColumnRead<Name, Spec> =
  Spec extends WindowSpec<WindowOperation, infer Column>
    ? Column
    : Spec extends LookupSpec<infer Column>
      ? Column extends null
        ? Name
        : Column
      : never

export interface FeatureCheckOptions {
  /** Largest share of nulls, 0 to 1; a rate equal to it passes (R26). */
  readonly nullRateMax?: number
  /** Smallest and largest value of the column; numbers only. */
  readonly min?: number
  readonly max?: number
  /**
   * `hold` (default) keeps the last good values of the view online until someone decides, `hold-feature` those of this feature alone (R35);
   * `warn` only says so.
   */
  readonly severity?: FeatureSeverity
  /** Of a single limit of these, where it is another. */
  readonly severities?: FeatureCheck['severities']
  /** How far it may be from good runs before it. */
  readonly drift?: FeatureDrift
}

interface NoLimits<Message extends string> {
  readonly min?: DefineError<Message>
  readonly max?: DefineError<Message>
}

/** `min` and `max` only where there are numbers; none for `count()`, which reads no column. */
export type FeatureChecks<View extends string, S extends Source, Specs extends FeatureSpecs> = {
  readonly [Name in keyof Specs]?: ColumnRead<Name, Specs[Name]> extends infer Column
    ? Column extends null
      ? DefineError<`view '${View}': feature '${Name & string}' counts rows and reads no column; limit checks.rows instead`>
      : KindOf<S['schema'], Column> extends NumericKind
        ? FeatureCheckOptions
        : Omit<FeatureCheckOptions, 'min' | 'max'> &
            NoLimits<`view '${View}': feature '${Name & string}' limits '${Column & string}', which is ${KindOf<S['schema'], Column>}, not a number`>
    : never
}
