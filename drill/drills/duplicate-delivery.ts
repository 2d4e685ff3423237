import type { Drill } from '../drill.js'
import { eventFile, eventsOf } from '../world/events.js'

export const drill: Drill = {
  name: 'duplicate-delivery',
  injects:
    'the file of a coming interval is delivered twice, under two names; the checks of the views allow no row twice',
  undoneBy: 'the producer takes the second file back',
  expects: { alarm: 'held', afterMs: ({ pace }) => 2 * pace.everyMs },
  world: () => ({ totals: { checks: { duplicateRateMax: 0 } }, latest: { checks: { duplicateRateMax: 0 } } }),
  async inject({ producer, comingStartMs, pace }) {
    const startMs = comingStartMs()
    const again = eventFile(startMs, `${startMs}-again.parquet`)
    await producer.deliver(again, eventsOf(startMs, pace.everyMs))
    return () => producer.remove(again)
  },
}
