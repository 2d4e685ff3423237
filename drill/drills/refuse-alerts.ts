import type { Drill } from '../drill.js'
import { colleague } from '../world/world-repo.js'

export const drill: Drill = {
  name: 'refuse-alerts',
  injects:
    'one of two channels of alerts refuses whatever it is told, and the only worker is killed: there is something to tell',
  undoneBy: 'the channel takes alerts again, and a worker is started',
  alsoHolds: 'the channel was told in the end whatever it had refused, in order',
  // It is told at once, when there is something to tell: of the interval that ends next, which has no run.
  expects: {
    ...{ alarm: 'undelivered', keyHas: colleague },
    afterMs: ({ pace }) => pace.everyMs + pace.graceMs + 2 * pace.pollMs,
  },
  world: () => ({ hasColleague: true }),
  async inject(world) {
    world.receiver.colleague.isRefusing = true
    await world.killProcess('worker')
    return async () => {
      world.receiver.colleague.isRefusing = false
      await world.startProcess('worker')
    }
  },
  async check({ receiver }) {
    // Of itself a channel that takes nothing is not told, and the dead-man switch is no channel of the product's.
    const isForBoth = ({ alarm }: { readonly alarm: string }) => !['undelivered', 'dead_man_switch'].includes(alarm)
    const textOf = (heard: (typeof receiver.heard)[number]) => `${heard.event} ${heard.key}`
    const [told, colleagues] = [receiver.heard, receiver.colleague.heard].map((heard) =>
      heard.filter(isForBoth).map(textOf).join(', '),
    )
    const differences =
      told === colleagues ? [] : [`one was told ${told || 'nothing'}, the other ${colleagues || 'nothing'}`]
    return [{ what: 'the channel was told in the end whatever it had refused, in order', differences }]
  },
}
