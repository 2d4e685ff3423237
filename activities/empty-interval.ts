import type { Candidate, RowCounts } from '../core/compute/index.js'
import type { ViewBundle } from '../core/define/definitions.js'
import { emptyProfile, type Profile, type ProfileSketches } from '../core/judge/index.js'
import type { RunRef } from './steps.js'

const noRows: RowCounts = {
  read: 0,
  kept: 0,
  rejected: { null_key: 0, null_event_time: 0 },
  outside: 0,
  replaced: 0,
  localTimes: { ambiguous: 0, skipped: 0 },
}

/** What computing an interval without files comes to (R24), without asking the query engine, nor waiting for its heavy slot. */
export function emptyInterval(
  run: RunRef,
  bundle: ViewBundle,
): { readonly candidate: Candidate; readonly profile: Profile; readonly sketches: ProfileSketches } {
  return {
    candidate: { runId: run.runId, data: null, quarantine: null, counts: noRows, reopens: [] },
    ...emptyProfile(bundle, noRows),
  }
}
