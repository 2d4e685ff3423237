import { MillcourseError } from '../errors.js'
import type { KeyCounts } from './delta.js'

/**
 * R28: `touched = published + unchanged + superseded`; taken back (R31) and rewritten keys apart. Window views: touched are the keys
 * answered at E, taken back those that left every window.
 * @param row of `countClassesSql`; `seen` and `lost` come from where the keys come from, not from their classes
 * @throws MillcourseError RUN_COUNTS_DO_NOT_RECONCILE
 */
export function keyCountsFrom(row: Readonly<Record<string, unknown>>, isEveryKey: boolean): KeyCounts {
  const at = (name: string): number => Number(row[name])
  const takenBack = at('takenBack')
  // Where every key is compared, those that lost all their rows are in no answer.
  const touched = at('seen') - (isEveryKey ? takenBack - at('lost') : takenBack)
  const counts = {
    touched,
    published: at('published'),
    unchanged: at('unchanged'),
    superseded: at('superseded'),
    takenBack,
    rewritten: at('rewritten'),
  }
  if (touched !== counts.published + counts.unchanged + counts.superseded)
    throw new MillcourseError(
      'RUN_COUNTS_DO_NOT_RECONCILE',
      `${touched} keys were touched, but ${counts.published} published, ${counts.unchanged} unchanged and ${counts.superseded} superseded`,
      { hint: 'nothing was written; this is a mistake of the product: report it', facts: counts },
    )
  return counts
}
