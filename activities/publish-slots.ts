/**
 * Under a write budget publishes wait, each in a slot of its worker; with a budget that is too low all slots would wait, and nothing else be
 * planned, computed or recorded. So half of the slots are for publishes, and half of these for those of backfills: whoever finds none gives
 * its own back and is tried again some seconds later, which costs no wait in this process and no event in Temporal.
 */
import { waitFor } from './step-waits.js'

export type PublishKind = 'scheduled' | 'backfill'

export interface PublishSlots {
  /** Under one of the slots. @throws ApplicationFailure a benign one, to be tried again, where none is free */
  inSlot<T>(kind: PublishKind, work: () => Promise<T>): Promise<T>
}

/** @param activitiesMax slots of the worker; null: publishes do not wait, and all may be theirs */
export function publishSlots(activitiesMax: number | null): PublishSlots {
  const slots = activitiesMax === null ? Infinity : Math.max(1, Math.floor(activitiesMax / 2))
  const most = { scheduled: slots, backfill: Math.max(1, Math.floor(slots / 2)) } as const
  const taken = { scheduled: 0, backfill: 0 }
  return {
    async inSlot(kind, work) {
      const all = taken.scheduled + taken.backfill
      if (all >= slots || taken[kind] >= most[kind])
        throw waitFor('PublishWaits', 'other publishes of this worker wait for the write budget')
      taken[kind] += 1
      try {
        return await work()
      } finally {
        taken[kind] -= 1
      }
    },
  }
}
