import type { Drill } from '../drill.js'
import { eventFile, eventsOf } from '../world/events.js'
import { markerOf } from '../world/producer.js'

const minuteMs = 60_000
/** The one that begins next, if not at once. */
const comingMinuteMs = () => Math.ceil((Date.now() + 5_000) / minuteMs) * minuteMs

export const drill: Drill = {
  name: 'late-file',
  injects:
    'the first file of a coming minute, and the marker that says that the minute is complete, do not come by its deadline',
  undoneBy: 'the producer delivers both',
  expects: { alarm: 'not_ready', afterMs: ({ pace }) => comingMinuteMs() + 2 * pace.everyMs - Date.now() },
  world: ({ everyMs }) => ({ source: { ready: { marker: '_SUCCESS', deadline: `${everyMs / 1_000}s` } } }),
  async inject({ producer, pace }) {
    const startMs = comingMinuteMs()
    const [file, marker] = [eventFile(startMs), markerOf(startMs)]
    await producer.withhold([file, marker])
    return async () => {
      await producer.release([file, marker])
      await producer.deliver(file, eventsOf(startMs, pace.everyMs))
      await producer.deliverBytes(marker, new Uint8Array())
    }
  },
}
