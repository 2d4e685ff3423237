import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { HeavySlot } from './heavy-slot.js'

/** Who had the slot, in this order; each gives it back at once. */
async function orderOf(slot: HeavySlot, comers: readonly (readonly [name: string, rank: number, waitMs?: number])[]) {
  const release = await slot.take()
  const order: string[] = []
  const all: Promise<void>[] = []
  for (const [name, rank, waitMs = 0] of comers) {
    all.push(
      slot.take(rank).then((done) => {
        order.push(name)
        done()
      }),
    )
    await sleep(waitMs)
  }
  release()
  await Promise.all(all)
  return order
}

test('the lowest rank is next, and of one rank who came first', async () => {
  const comers = [
    ['last', 5],
    ['a', 3],
    ['urgent', 1],
    ['b', 3],
  ] as const
  expect(await orderOf(new HeavySlot(), comers)).toEqual(['urgent', 'a', 'b', 'last'])
})

test('whoever has waited for long comes before all ranks', async () => {
  const comers = [
    ['patient', 5, 40],
    ['a', 3],
    ['b', 3],
  ] as const
  expect(await orderOf(new HeavySlot(20), comers)).toEqual(['patient', 'a', 'b'])
})

test('who is cancelled while waiting, or before, leaves the queue to the others', async () => {
  const slot = new HeavySlot()
  const release = await slot.take()
  const gone = new AbortController()
  const waiting = slot.take(1, gone.signal)
  const next = slot.take(2)
  gone.abort(new Error('told to stop'))
  await expect(waiting).rejects.toThrow('told to stop')
  await expect(slot.take(0, gone.signal)).rejects.toThrow('told to stop')
  release()
  const releaseNext = await next
  let isThird = false
  const third = slot.take().then(() => {
    isThird = true
  })
  await sleep(5)
  expect(isThird).toBe(false)
  releaseNext()
  await third
})
