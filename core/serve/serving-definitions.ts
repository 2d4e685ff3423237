/** What reads are answered from: every version of every view and service that was ever applied, as plain data, so that it can lie on disk. */
import type { FeatureServiceDefinition, ViewBundle } from '../define/definitions.js'

export interface ServingDefinitions {
  readonly project: string
  /** Of the registry; 0: nothing was applied yet. */
  readonly revision: number
  readonly views: readonly ServedView[]
  readonly services: readonly Served<FeatureServiceDefinition>[]
}

export interface ServedView extends Served<ViewBundle> {
  /** Named by a first load that has finished; null, and absent from what an earlier release kept on disk: the plain name. */
  readonly table?: string | null
}

export interface Served<Definition> {
  readonly definition: Definition
  /** False: retired; its values stay readable under `name@v1` while models still ask for them. */
  readonly isApplied: boolean
}
