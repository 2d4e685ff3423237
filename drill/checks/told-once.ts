/** What somebody on call was told from the fault to rest: each cause once, and its end when it was one. */
import type { Expectation } from '../drill.js'
import type { Heard } from '../receiver/incident-receiver.js'

/** Whether it is of the alarm that a drill expects. */
export function isOf({ alarm, keyHas = '' }: Pick<Expectation, 'alarm' | 'keyHas'>, heard: Heard): boolean {
  return heard.alarm === alarm && heard.key.includes(keyHas)
}

/** Keys of the drill's alarm that are open by what was heard. */
export function openKeys(expects: Pick<Expectation, 'alarm' | 'keyHas'>, told: readonly Heard[]): string[] {
  const own = told.filter((heard) => isOf(expects, heard))
  const keys = new Set(own.map(({ key }) => key))
  return [...keys].filter((key) => {
    const lives = own.filter((heard) => heard.key === key && ['opened', 'resolved'].includes(heard.event))
    return lives.at(-1)?.event === 'opened'
  })
}

/**
 * Whatever broke, nothing may be told as wrong twice: what goes and comes back while its cause is there wakes people for nothing, and its end
 * means nothing. Another interval that is late while a busy machine catches up is something else. The drill's own may not end before somebody
 * began to undo it.
 *
 * @param told since the fault, in the order it came
 * @param undoingMs when its undoing began
 * @param everyMs length of an interval
 */
export function toldDifferences(
  expects: Pick<Expectation, 'alarm' | 'keyHas'>,
  told: readonly Heard[],
  undoingMs: number,
  everyMs: number,
): string[] {
  const at = (ms: number) => new Date(ms).toISOString()
  const before = (place: number, event: Heard['event']) =>
    told.slice(0, place).filter((one) => one.key === told[place]!.key && one.event === event)
  return [
    ...told
      .filter(({ event }, place) => event === 'opened' && before(place, 'opened').length > 0)
      .filter((again) => isToldOf(again, told.slice(0, told.indexOf(again)), everyMs))
      .map(({ key, atMs }) => `${key} was opened again at ${at(atMs)}, for what it had been opened for before`),
    ...told
      // The end of one that the round before has left is told late at times.
      .filter(({ event }, place) => event === 'resolved' && before(place, 'opened').length > 0)
      .filter((heard) => isOf(expects, heard) && heard.atMs < undoingMs)
      .map(
        ({ key, atMs }) => `${key} was resolved at ${at(atMs)}, before the fault was undone from ${at(undoingMs)} on`,
      ),
    ...openKeys(expects, told).map((key) => `${key} was not resolved`),
  ]
}

/** Whether what was told of this cause before has the first interval that it is about now; what is about none is always the same. */
function isToldOf({ key, hits }: Heard, before: readonly Heard[], everyMs: number): boolean {
  return before
    .filter((one) => one.key === key)
    .some(
      (one) => hits === null || one.hits === null || hits.fromMs <= one.hits.fromMs + (one.hits.count - 1) * everyMs,
    )
}
