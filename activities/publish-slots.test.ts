import { expect, test } from 'vitest'
import { type PublishKind, publishSlots } from './publish-slots.js'
import { isWaiting } from './step-waits.js'

/** How many of each kind, asked for one after the other, get a slot while none is given back. */
async function begun(
  activitiesMax: number | null,
  kinds: readonly PublishKind[],
): Promise<Record<PublishKind, number>> {
  const { inSlot } = publishSlots(activitiesMax)
  const counts = { scheduled: 0, backfill: 0 }
  let end = () => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const all = kinds.map((kind) =>
    inSlot(kind, async () => {
      counts[kind] += 1
      await ended
    }).catch((error: unknown) => {
      expect(isWaiting(error)).toBe(true)
    }),
  )
  end()
  await Promise.all(all)
  // What was given back is free again, also by one that failed.
  await expect(inSlot('backfill', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  await inSlot('backfill', async () => {})
  return counts
}

const eight = <T>(of: T): T[] => Array(8).fill(of)

test('publishes have half of the slots of their worker, those of backfills half of these, each one at least', async () => {
  expect(await begun(8, [...eight('backfill' as const), ...eight('scheduled' as const)])).toEqual({
    ...{ backfill: 2, scheduled: 2 },
  })
  expect(await begun(8, [...eight('scheduled' as const), 'backfill'])).toEqual({ backfill: 0, scheduled: 4 })
  for (const few of [1, 2, 3])
    expect(await begun(few, ['backfill', 'scheduled'])).toEqual({ backfill: 1, scheduled: 0 })
  expect(await begun(null, eight('scheduled'))).toEqual({ backfill: 0, scheduled: 8 })
})

test('one that waits is told when to ask again, and is no failure', async () => {
  const { inSlot } = publishSlots(1)
  await inSlot('scheduled', async () => {
    await expect(inSlot('scheduled', async () => {})).rejects.toMatchObject({
      ...{ nonRetryable: false, category: 'BENIGN', nextRetryDelay: expect.any(Number) },
    })
  })
  expect(isWaiting(new Error('x'))).toBe(false)
})
