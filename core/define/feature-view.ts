import { viewProblems } from './check-view.js'
import { type Declared, declare, definitionBrand, type Problem } from './declare.js'
import type {
  EntityDefinition,
  FeatureCheck,
  FeatureDrift,
  FeatureServiceDefinition,
  FeatureViewDefinition,
  OwnCheck,
  RowsCheck,
  SourceDefinition,
  ViewBudget,
  ViewChecks,
  ViewDrift,
} from './definitions.js'
import { type Documentation, documented } from './documentation.js'
import { type Duration, readDuration } from './duration-option.js'
import type { Entity } from './entity.js'
import type { FeatureSpecs } from './features.js'
import type { GivenView } from './given-view.js'
import { isPlainObject } from './names.js'
import type { Source } from './parquet.js'
import { readFeatures } from './read-features.js'
import { callerLocation } from './source-location.js'
import { documentationOptions, type OptionShape, unknownOptions } from './unknown-options.js'
import { readViewTimes } from './view-times.js'
import type { CheckedEntity, CheckedFeatures, CheckedKeys, FeatureChecks, KeyMapping } from './view-types.js'

export interface ViewOptions<
  Name extends string,
  E extends Entity,
  S extends Source,
  Specs extends FeatureSpecs,
  Mapping extends KeyMapping,
> extends Documentation {
  /** 1, 2, …; rises with every change that decides a value. */
  readonly version: number
  readonly entity: CheckedEntity<Name, E, S, Mapping>
  readonly source: S
  /** Entity key -> source column, where they are called differently (R13). */
  readonly keys?: CheckedKeys<Name, E, S, Mapping>
  /** Start of the first interval, ISO 8601; intervals are aligned to it. */
  readonly since: string
  /** Length of an interval. */
  readonly every: Duration
  /** Window views: length of a tile (R9). Default: `every`. */
  readonly tile?: Duration
  /**
   * Window views: the coarser tiles of long windows. Default `1d` where a window is longer than 2 days and it fits, `['1d', '30d']` where one is
   * longer than 60, else none.
   */
  readonly coarseTile?: Duration | readonly Duration[] | null
  /** How far back each tick compares the source's files with those it has used (R27). Default: not at all. */
  readonly lookback?: Duration
  /** How long a value is served (R2). Default: it never expires. */
  readonly ttl?: Duration
  /** The publishing lag that as-served training assumes (R30). Default `0s`. */
  readonly lag?: Duration
  /** Window views: what a missing interval does to later ones (R32). Default `block`. */
  readonly onGap?: 'block' | 'mark'
  /** All `lookup()` or all `window.…()`. */
  readonly features: CheckedFeatures<Name, S, Specs>
  /** Limits a run's rows are judged by; a value equal to its limit passes (R26). */
  readonly checks?: {
    readonly rows?: RowsCheck
    /** Rows with a null key or without an event time, as a share of rows read. */
    readonly rejectedRateMax?: number
    readonly rejectedRateSeverity?: 'hold' | 'warn'
    /** Rows of one key and event time beyond the first, as a share of rows kept. */
    readonly duplicateRateMax?: number
    readonly duplicateRateSeverity?: 'hold' | 'warn'
    readonly features?: FeatureChecks<Name, NoInfer<S>, NoInfer<Specs>>
    /** How far the interval's rows and keys may be, in number, from those of good runs before it. */
    readonly drift?: ViewDrift
    /** By name: SQL that answers with bad rows of `rows`. */
    readonly own?: Readonly<Record<string, OwnCheck>>
  }
  readonly sla?: {
    /** Online event time may be at most so old. */
    readonly freshness?: Duration
    /** A run may take at most so long. */
    readonly duration?: Duration
  }
  /** What it may cost; a day above it is an incident, and nothing is kept from running. */
  readonly budget?: {
    /** DynamoDB's write units of a day of UTC, of all versions together. */
    readonly writeUnitsPerDay: number
  }
  /** Default true: published to the online store. */
  readonly online?: boolean
}

const viewOptions = {
  version: true,
  entity: true,
  source: true,
  keys: true,
  since: true,
  every: true,
  tile: true,
  coarseTile: true,
  lookback: true,
  ttl: true,
  lag: true,
  onGap: true,
  features: true,
  checks: {
    rows: { min: true, max: true, severity: true, severities: true } satisfies Record<keyof RowsCheck, true>,
    rejectedRateMax: true,
    rejectedRateSeverity: true,
    duplicateRateMax: true,
    duplicateRateSeverity: true,
    features: {
      each: {
        nullRateMax: true,
        min: true,
        max: true,
        severity: true,
        severities: true,
        drift: {
          sigmaMax: true,
          nullRateChangeMax: true,
          psiMax: true,
          cardinalityChangeMax: true,
          historyMin: true,
          severity: true,
          severities: true,
        } satisfies Record<keyof FeatureDrift, true>,
      } satisfies Record<keyof FeatureCheck, OptionShape[string]>,
    },
    drift: {
      volumeChangeMax: true,
      cardinalityChangeMax: true,
      historyMin: true,
      severity: true,
      severities: true,
    } satisfies Record<keyof ViewDrift, true>,
    own: { each: { sql: true, max: true, severity: true, features: true } satisfies Record<keyof OwnCheck, true> },
  } satisfies Record<keyof ViewChecks, OptionShape[string]>,
  sla: { freshness: true, duration: true },
  budget: { writeUnitsPerDay: true } satisfies Record<keyof ViewBudget, true>,
  online: true,
  ...documentationOptions,
} as const satisfies Record<keyof GivenView, OptionShape[string]>

/** Features chosen from one view, for a feature service. */
export interface FeatureSelection {
  readonly features: FeatureServiceDefinition['features']
}

export interface FeatureView<Name extends string = string, Feature extends string = string>
  extends Declared<FeatureViewDefinition> {
  readonly name: Name
  /** What it is built from, for a view that is built on it. */
  readonly parts: { readonly entity: EntityDefinition | undefined; readonly source: SourceDefinition | undefined }
  /** These features, in this order. */
  pick(first: Feature, ...more: Feature[]): FeatureSelection
  /** Every feature, in declared order. */
  all(): FeatureSelection
}

/** Lookup or window features of one entity, from one source. @throws MillcourseError DEFINE_* */
export function featureView<
  const Name extends string,
  E extends Entity,
  S extends Source,
  const Specs extends FeatureSpecs,
  const Mapping extends KeyMapping = Record<never, never>,
>(name: Name, options: ViewOptions<Name, E, S, Specs, Mapping>): FeatureView<Name, keyof Specs & string> {
  const at = callerLocation()
  const given = options as unknown as GivenView
  const problems: Problem[] = []
  const definition: FeatureViewDefinition = { ...readView(name, given, problems), at }
  problems.push(...unknownOptions(`view '${name}'`, given, viewOptions), ...viewProblems(definition, given))
  const select = (features: readonly string[]): FeatureSelection => ({
    features: features.map((feature) => ({ view: name, viewVersion: definition.version, feature })),
  })
  return declare(
    {
      [definitionBrand]: true,
      name,
      definition,
      parts: { entity: given.entity?.definition, source: given.source?.definition },
      pick: (...features: string[]) => select(features),
      all: () => select(definition.features.map((feature) => feature.name)),
    },
    problems,
  )
}

function readView(name: string, given: GivenView, problems: Problem[]): Omit<FeatureViewDefinition, 'at'> {
  const features = readFeatures(name, given, problems)
  const viewKind = features.some((feature) => feature.kind === 'window') ? 'window' : 'lookup'
  const sla = (part: 'freshness' | 'duration') =>
    given.sla?.[part] === undefined
      ? null
      : (readDuration(`view '${name}': sla.${part}`, given.sla[part], problems)?.text ?? null)
  return {
    kind: 'view',
    viewKind,
    name,
    version: given.version,
    entity: given.entity?.definition?.name ?? '',
    source: given.source?.definition?.name ?? '',
    keyColumns: (given.entity?.definition?.keys ?? []).map((key) => ({
      key: key.name,
      column: given.keys?.[key.name] ?? key.name,
    })),
    ...readViewTimes(name, viewKind, features, given, problems),
    onGap: given.onGap ?? 'block',
    features,
    checks: {
      rows: given.checks?.rows ?? null,
      rejectedRateMax: given.checks?.rejectedRateMax ?? null,
      duplicateRateMax: given.checks?.duplicateRateMax ?? null,
      features: isPlainObject(given.checks?.features) ? given.checks.features : {},
      // Left out where there is none: a view that was applied by an older release has not changed.
      ...severityOf(given, 'rejectedRateSeverity'),
      ...severityOf(given, 'duplicateRateSeverity'),
      ...(isPlainObject(given.checks?.drift) ? { drift: given.checks.drift } : {}),
      ...(isPlainObject(given.checks?.own) ? { own: given.checks.own } : {}),
    },
    sla: { freshness: sla('freshness'), duration: sla('duration') },
    // Left out where there is none: a view that was applied by an older release has not changed.
    ...(given.budget === undefined ? {} : { budget: given.budget }),
    online: given.online ?? true,
    ...documented(given),
  }
}

function severityOf(given: GivenView, name: 'rejectedRateSeverity' | 'duplicateRateSeverity') {
  const severity = given.checks?.[name]
  return severity === undefined ? {} : { [name]: severity }
}
