import type { Drill } from '../drill.js'
import { eventFile, eventsOf } from '../world/events.js'

export const drill: Drill = {
  name: 'schema-change',
  injects: 'a producer writes amounts as text, and leaves out the item, from a coming interval on',
  undoneBy: 'the producer delivers the file again, with the columns that were declared',
  expects: { alarm: 'schema_change', afterMs: ({ pace }) => 2 * pace.everyMs },
  async inject({ producer, comingStartMs, pace }) {
    const startMs = comingStartMs()
    const path = eventFile(startMs)
    await producer.deliver(path, eventsOf(startMs, pace.everyMs), "ts, user_id, amount || ' EUR' AS amount, event_id")
    return () => producer.deliver(path, eventsOf(startMs, pace.everyMs))
  },
}
