/** Asks again and again until the answer is not null. Null: the time is over. @throws DrillStopped when `signal` is aborted */
export async function until<Found>(
  signal: AbortSignal,
  ask: () => Promise<Found | null> | Found | null,
  untilMs: number,
  everyMs = 200,
): Promise<Found | null> {
  for (;;) {
    if (signal.aborted) throw new DrillStopped('interrupted')
    const found = await ask()
    if (found !== null) return found
    if (Date.now() >= untilMs) return null
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}

/** A drill that cannot go on; a sentence is enough. */
export class DrillStopped extends Error {}

/** What this stack, or this machine, cannot be made to suffer, whatever the product does: says why. Thrown before anything is made. */
export class NotPossibleHere extends Error {}
