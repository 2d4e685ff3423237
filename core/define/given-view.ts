import type { ViewChecks } from './definitions.js'
import type { Documentation } from './documentation.js'
import type { Entity } from './entity.js'
import type { FeatureSpecs } from './features.js'
import type { Source } from './parquet.js'
import type { KeyMapping } from './view-types.js'

/** A view's options as plain JavaScript gives them: nothing checked. */
export interface GivenView extends Documentation {
  readonly version: number
  readonly entity?: Partial<Entity>
  readonly source?: Partial<Source>
  readonly keys?: KeyMapping
  readonly since: string
  readonly every: string
  readonly tile?: string
  readonly coarseTile?: string | readonly string[] | null
  readonly lookback?: string
  readonly ttl?: string
  readonly lag?: string
  readonly onGap?: 'block' | 'mark'
  readonly features: FeatureSpecs
  readonly checks?: Partial<ViewChecks>
  readonly sla?: { readonly freshness?: string; readonly duration?: string }
  readonly budget?: { readonly writeUnitsPerDay: number }
  readonly online?: boolean
}
