/** What must hold after every event, and what must hold once nothing is left to do. Each answers with what is broken, citing the rule. */
import { missingAt, newestEnd, project } from './view.js'
import type { World } from './world.js'

export function checkSafety(world: World): string[] {
  return [...world.ledger.violations, ...world.online.violations, ...checkLedgerEnd(world), ...checkReaders(world)]
}

function checkLedgerEnd({ ledger }: World): string[] {
  const ends = ledger.publishes.filter(({ isFinished }) => isFinished).map(({ endAt }) => endAt)
  return ledger.endAt < Math.max(0, ...ends) ? [`R29: the ledger's end moved back to ${ledger.endAt}`] : []
}

/**
 * Who reads `E` written by publish s finds, for every key that no later publish has reached, the answer of R9 or R22 as committed
 * when s opened. This is what fences, records and rewrites are for: it does not wait for quiet.
 */
function checkReaders({ ledger, online, view }: World): string[] {
  const { end } = online
  const publish = end && ledger.publishes.findLast(({ sequence }) => sequence === end.sequence)
  if (!end || !publish) return []
  const broken: string[] = []
  const committed = new Set(publish.current.map(({ interval }) => interval))
  const missing = missingAt(view, committed, end.endAt)
  if (view.kind === 'window' && view.onGap === 'block' && missing.length > 0)
    broken.push(`R32: E=${end.endAt} is online although intervals ${missing} are not committed`)
  const truth = ledger.truth(publish)
  for (const key of new Set([...truth.keys(), ...online.items.keys()])) {
    if ((online.highest.get(key) ?? 0) > end.sequence || publish.uncoveredKeys.has(key)) continue
    if (online.read(key) !== (truth.get(key) ?? null))
      broken.push(
        `R29: beside E=${end.endAt} of publish ${end.sequence} stands ${describe(world(key), truth.get(key))}`,
      )
  }
  return broken

  function world(key: string): string {
    return `${key}=${online.read(key) ?? 'missing'} of ${online.items.get(key)?.sequence ?? 'nobody'}`
  }
}

function describe(found: string, expected: string | undefined): string {
  return `${found}, not ${expected ?? 'missing'}`
}

/** After `drain`: nothing runs, sleeps or waits, and a tick finds nothing to do. */
export function checkQuiet(world: World): string[] {
  const { ledger, online, view } = world
  const committed = ledger.committed()
  const endAt = newestEnd(view, committed)
  const broken: string[] = []
  for (const commit of ledger.commits)
    if (commit.markedBy === null && commit.interval < endAt) broken.push(`R33: c${commit.id} stays unpublished`)
  if ((online.end?.endAt ?? 0) !== endAt) broken.push(`R29: E=${online.end?.endAt ?? 0} is online, not ${endAt}`)
  const missing = missingAt(view, committed, endAt)
  if (online.end && online.end.missing.join() !== missing.join())
    broken.push(`R32: E names [${online.end.missing}] as missing, not [${missing}]`)
  const truth = project(view, committed, endAt)
  for (const key of new Set([...truth.keys(), ...online.items.keys()])) {
    const expected = truth.get(key) ?? null
    if (online.read(key) !== expected)
      broken.push(`R22: online has ${describe(`${key}=${online.read(key) ?? 'missing'}`, truth.get(key))}`)
    // Publishing again compares with the published state: a difference there would be written.
    if (ledger.cache && (ledger.cache.get(key) ?? null) !== expected)
      broken.push(
        `R21: publishing again would write ${key}: the published state has ${ledger.cache.get(key) ?? 'none'}`,
      )
  }
  for (const [interval, askedAt] of world.rerunAsked)
    if ((world.listedAt.get(interval) ?? 0) < askedAt)
      broken.push(`R27: interval ${interval} was not run again as asked`)
  return broken
}
