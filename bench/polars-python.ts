/** A Python with polars: `MILLCOURSE_BENCH_PYTHON`, or an environment of its own that is made once. Null: neither can be had. */
import { peerPython } from './peer-python.js'

export function polarsPython(): Promise<string | null> {
  return peerPython({ name: 'polars', version: '1.35.2', variable: 'MILLCOURSE_BENCH_PYTHON' })
}
