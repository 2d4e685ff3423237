import { formatEvent, replay, type Trace } from '../../reference/publish-protocol/search.js'
import { type Event, World } from '../../reference/publish-protocol/world.js'
import { intentOf, type RealParts, RealProtocol } from './real-protocol.js'

/** The trace in lockstep on model and real parts, to its end and until nothing is left to do. Null: they agree throughout. */
export async function playTrace(trace: Trace, parts: RealParts, name: string): Promise<string | null> {
  const events: Event[] = []
  replay(trace, new Set(), (event) => events.push(event))
  const real = new RealProtocol(parts, { view: name, version: 1 }, trace.view, trace.firstLoadsMax)
  const world = new World(trace.view, new Set(), trace.firstLoadsMax)
  const lines: string[] = []
  for (const event of events) {
    const intent = intentOf(world, event)
    const outcome = world.apply(event)!
    lines.push(`${formatEvent(event).padEnd(22)} ${outcome}`)
    const difference = await real.follow(event, intent, outcome, world)
    if (difference !== null) return [`seed ${trace.seed}`, ...lines, `  => ${difference}`].join('\n')
  }
  const difference = await real.compareEnd(world)
  return difference === null ? null : [`seed ${trace.seed}`, ...lines, `  => at the end, ${difference}`].join('\n')
}
