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
 * Whatever broke, no cause may be opened twice: one that goes and comes back while it is there wakes people for nothing, and its end means
 * nothing. The drill's own may not end before somebody began to undo it.
 *
 * @param told since the fault, in the order it came
 * @param undoingMs when its undoing began
 */
export function toldDifferences(
  expects: Pick<Expectation, 'alarm' | 'keyHas'>,
  told: readonly Heard[],
  undoingMs: number,
): string[] {
  const opened = told.filter(({ event }) => event === 'opened').map(({ key }) => key)
  const timesOf = (key: string) => opened.filter((one) => one === key).length
  const at = (ms: number) => new Date(ms).toISOString()
  return [
    ...[...new Set(opened)].filter((key) => timesOf(key) > 1).map((key) => `${key} was opened ${timesOf(key)} times`),
    ...told
      .filter(
        (heard, place) =>
          isOf(expects, heard) &&
          heard.event === 'resolved' &&
          heard.atMs < undoingMs &&
          // The end of one that the round before has left is told late at times.
          told.slice(0, place).some(({ event, key }) => event === 'opened' && key === heard.key),
      )
      .map(
        ({ key, atMs }) => `${key} was resolved at ${at(atMs)}, before the fault was undone from ${at(undoingMs)} on`,
      ),
    ...openKeys(expects, told).map((key) => `${key} was not resolved`),
  ]
}
