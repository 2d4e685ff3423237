import type { Drill } from '../drill.js'
import { eventFile, eventsOf } from '../world/events.js'

export const drill: Drill = {
  name: 'null-flood',
  injects: 'every amount of a coming interval is null; the checks of the view allow one in five',
  undoneBy: 'the producer delivers the file again, with its amounts',
  alsoHolds: 'the run was held and its candidate was never published',
  expects: { alarm: 'held', keyHas: 'totals', afterMs: ({ pace }) => 2 * pace.everyMs },
  world: () => ({ totals: { checks: { features: { amount_summed: { nullRateMax: 0.2 } } } } }),
  async inject({ producer, comingStartMs, pace }) {
    const startMs = comingStartMs()
    const path = eventFile(startMs)
    const flooded = eventsOf(startMs, pace.everyMs).map((row) => ({ ...row, amount: null }))
    await producer.deliver(path, flooded)
    return () => producer.deliver(path, eventsOf(startMs, pace.everyMs))
  },
  async check({ ports }) {
    const ledger = await ports.ledger()
    const key = { view: 'totals', version: 1 }
    const runs = await ledger.runs({ view: key.view, limit: 200 })
    const held = runs.filter(({ verdict }) => verdict?.decision === 'hold')
    const commits = (await Promise.all(held.map(({ interval }) => ledger.currentCommits(key, interval)))).flat()
    const differences = [
      ...(held.length === 0 ? ['no run was held'] : []),
      ...held
        .filter(({ runId }) => commits.some((commit) => commit.runId === runId))
        .map(({ runId }) => `run ${runId} was held and is committed, and nobody had accepted it`),
    ]
    return [{ what: 'the run was held and its candidate was never published', differences }]
  },
}
