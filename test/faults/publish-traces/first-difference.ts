import type { Trace } from '../../reference/publish-protocol/search.js'

/** Plays go about their business one call at a time: alone, one would leave both cores waiting for the servers. */
const atOnce = 6

/** The first difference over many traces, several at a time: each has a view version of its own. Null: none. */
export async function firstDifference(
  traces: readonly Trace[],
  play: (trace: Trace, index: number) => Promise<string | null>,
): Promise<string | null> {
  let next = 0
  let found: string | null = null
  const playOn = async (): Promise<void> => {
    while (next < traces.length && found === null) {
      const index = next++
      found = (await play(traces[index]!, index)) ?? found
    }
  }
  await Promise.all(Array.from({ length: atOnce }, playOn))
  return found
}
