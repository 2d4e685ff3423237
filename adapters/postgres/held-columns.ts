/** What tables keep of features held alone (R35). */
import type { ColumnType, Generated } from 'kysely'
import type { HeldWindow } from '../../core/compute/feature-groups.js'

/** Of commits. */
export interface HoldingColumns {
  /** The run whose data it has, where `run_id` is a decision's on its features; null: that of `run_id`. */
  of_run: Generated<string | null>
  /** Left out of it; null: nothing is. */
  held_features: Generated<string[] | null>
  /** For good: someone has decided so. */
  held_rejected: Generated<boolean>
}

/** Of publishes. */
export interface HeldWindowColumns {
  /** Features that it shows otherwise; null: none. */
  held: ColumnType<HeldWindow[] | null, string | null, string | null>
}
