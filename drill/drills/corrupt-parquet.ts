import type { Drill } from '../drill.js'
import { eventFile, eventsOf } from '../world/events.js'

export const drill: Drill = {
  name: 'corrupt-parquet',
  injects: 'the file of a coming interval is torn off in the middle, as by an upload that broke off',
  undoneBy: 'the producer delivers the file again, whole',
  expects: { alarm: 'failed', keyHas: 'SOURCE_FILE_CORRUPT', afterMs: ({ pace }) => 2 * pace.everyMs },
  async inject({ producer, comingStartMs, pace }) {
    const startMs = comingStartMs()
    const path = eventFile(startMs)
    const whole = await producer.bytes(path)
    await producer.deliverBytes(path, whole.subarray(0, Math.floor(whole.length / 2)))
    return () => producer.deliver(path, eventsOf(startMs, pace.everyMs))
  },
}
