import type { FeatureRepo, FeatureServiceDefinition, ViewBundle } from '../define/definitions.js'
import type { ServingDefinitions } from '../serve/serving-definitions.js'
import type { Instant } from '../time/instant.js'
import type { ScheduleMarks } from './schedule-marks.js'

/** Applied definitions. @throws MillcourseError LEDGER_UNREACHABLE */
export interface RegistryReader {
  /** All that is applied now, or was at the end of a time, by the server's clock; null: nothing was applied yet. */
  current(before?: Instant): Promise<AppliedRepo | null>
  /** The newest version of the view, or the one asked for. @throws MillcourseError REGISTRY_UNKNOWN_VIEW */
  view(name: string, version?: number): Promise<ViewBundle>
  service(name: string): Promise<FeatureServiceDefinition | null>
  /** All that reads are answered from, retired versions too, each with what it was last built from. */
  serving(): Promise<ServingDefinitions>
}

export interface RegistryWriter extends RegistryReader, ScheduleMarks {
  /** Of all views that have ever been applied. */
  viewNames(): Promise<string[]>
  /** Of the database, in its own words: `18.4`. */
  serverVersion(): Promise<string>
  /**
   * One transaction; the same content again changes nothing and returns the revision that holds it.
   * Views left out of the repo are retired: no longer scheduled, their values kept.
   */
  apply(
    repo: FeatureRepo,
    applied: { readonly by: string },
  ): Promise<{ readonly revision: number; readonly isChanged: boolean }>
  /**
   * The work of one caller at a time in this project: definitions, the Schedules that follow from them and their marks are of the same apply.
   * @throws MillcourseError LEDGER_CONFLICT when another's takes too long; what the work throws
   */
  inTurn<T>(work: () => Promise<T>): Promise<T>
}

export interface AppliedRepo {
  readonly revision: number
  readonly repo: FeatureRepo
}
