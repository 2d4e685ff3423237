import { expect, test } from 'vitest'
import { inParallel } from './in-parallel.js'

test('results are in the order of the items, at most so many under way', async () => {
  let underWay = 0
  const counts: number[] = []
  const results = await inParallel([3, 1, 2, 0], 2, async (item) => {
    underWay += 1
    counts.push(underWay)
    for (let turn = 0; turn < item; turn++) await null
    underWay -= 1
    return item * 10
  })
  expect(results).toEqual([30, 10, 20, 0])
  expect(Math.max(...counts)).toBe(2)
})

test('after an error nothing more begins, and it is told once what is under way has ended', async () => {
  const told: string[] = []
  let release = () => {}
  const slow = new Promise<void>((resolve) => {
    release = resolve
  })
  const all = inParallel(['slow', 'faulty', 'never'], 2, async (item) => {
    told.push(`${item} begins`)
    if (item === 'faulty') throw new Error('as the work says')
    await slow
    told.push(`${item} ends`)
  }).catch((error: Error) => told.push(error.message))
  for (let turn = 0; turn < 20; turn++) await null
  expect(told).toEqual(['slow begins', 'faulty begins'])
  release()
  await all
  expect(told).toEqual(['slow begins', 'faulty begins', 'slow ends', 'as the work says'])
})
