import type { RunKind } from '../core/plan/interval-state.js'

/**
 * Where runs queue for workers: what the clock asks for goes before what a person asks for, and that before a backfill's long tail.
 * Scheduled runs keep Temporal's own middle, so that nothing is set where nothing differs.
 */
export const runPriority: Readonly<Record<RunKind, number | undefined>> = {
  scheduled: undefined,
  manual: 4,
  rerun: 4,
  backfill: 5,
}
