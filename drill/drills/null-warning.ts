import type { Drill } from '../drill.js'

const view = 'totals'

export const drill: Drill = {
  name: 'null-warning',
  injects: 'from a coming interval on every amount is null; the check of the view only warns of it',
  undoneBy: 'the producer delivers the files again, with their amounts',
  alsoHolds: 'the runs that were warned of were published',
  expects: { alarm: 'warned', keyHas: view, afterMs: ({ pace }) => 2 * pace.everyMs },
  world: () => ({ totals: { checks: { features: { amount_summed: { nullRateMax: 0.2, severity: 'warn' } } } } }),
  async inject({ producer, comingStartMs }) {
    await producer.alter(comingStartMs(), '* REPLACE (NULL::BIGINT AS amount)')
    return () => producer.restore()
  },
  async check({ ports }) {
    const runs = await (await ports.ledger()).runs({ view, limit: 200 })
    const warned = runs.filter(({ verdict }) => verdict?.findings.some(({ severity }) => severity === 'warn'))
    const differences = [
      ...(warned.length === 0 ? ['no run was warned of'] : []),
      ...warned
        .filter(({ verdict }) => verdict?.decision !== 'publish')
        .map(({ runId, verdict }) => `run ${runId} is to ${verdict?.decision}, for a warning`),
    ]
    return [{ what: 'the runs that were warned of were published', differences }]
  },
}
