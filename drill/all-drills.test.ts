import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { incidentRules } from '../core/watch/index.js'
import { findDrills } from './all-drills.js'

test('each file is a drill of its own name, and docs/drills.md has each with its alarm', async () => {
  const drills = await findDrills('all')
  const text = readFileSync(new URL('../docs/drills.md', import.meta.url), 'utf8')
  const told = new Map([...text.matchAll(/^\| `([a-z0-9-]+)` \| (.*?) \|/gm)].map(([, name, alarm]) => [name, alarm]))
  expect([...told.keys()].sort()).toEqual(drills.map(({ name }) => name))
  for (const { name, expects } of drills)
    expect(told.get(name)).toContain(expects.alarm === 'dead_man_switch' ? 'dead-man switch' : expects.alarm)
})

test('every rule of incidents is the alarm of some drill, so that its canary is tried', async () => {
  const alarms = new Set((await findDrills('all')).map(({ expects }) => expects.alarm))
  expect(incidentRules.filter((rule) => !alarms.has(rule))).toEqual([])
})

test('a name that is no drill is refused with those that are', async () => {
  await expect(findDrills(['kill-wroker'])).rejects.toMatchObject({
    code: 'USAGE',
    detail: { hint: expect.stringContaining('kill-worker') },
  })
})
