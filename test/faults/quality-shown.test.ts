/** Of a lookup view with many intervals a check computes those again that hold what it shows of the keys looked at, whatever is drawn beside them. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { inParallel } from '../../core/in-parallel.js'
import { drawNewestAndOthers } from '../../core/quality/index.js'
import { parseInstant } from '../../core/time/instant.js'
import { type QualityRig, startQualityRig } from '../support/quality-rig.js'
import { faultsOf, recordedCheck } from '../support/recorded-check.js'
import { hour, hourOf, sale } from '../support/sales-views.js'

/** More than a check draws. */
const hours = 112
const drawnMax = 100

let quality: QualityRig
beforeAll(async () => {
  quality = await startQualityRig({ quiet: { view: { online: true } } })
})
afterAll(() => quality?.stop())

/** One whose draw takes neither hour. */
function seedWithout(...left: readonly number[]): number {
  const starts = Array.from({ length: hours }, (_, at) => String(parseInstant(hour(at))))
  const isDrawn = (seed: number) => {
    const drawn = drawNewestAndOthers(starts, drawnMax, seed, (start) => start)
    return left.some((at) => drawn.includes(starts[at]!))
  }
  return Array.from({ length: 500 }, (_, seed) => seed + 1).find((seed) => !isDrawn(seed))!
}

test('a row that differs from its source is found where the draw alone would not look, by its file, and by its item where the file has lost it', async () => {
  const { rig, commitOf, rewrite } = quality
  await quality.fill('quiet', [0])
  await rig.write('quiet', 3, 'a', sale(hour(3, 10), 'z', 7))
  const later = Array.from({ length: hours - 1 }, (_, at) => at + 1)
  // Nothing was sold in most of them.
  await inParallel(later, 4, (at) => rig.run(hourOf('quiet', at)))
  await quality.publishNow('quiet', 'first')
  const seed = seedWithout(0, 3)
  const check = () => recordedCheck(rig.deps, 'quiet', { seed })
  const shown = { recomputed: 102, of: hours, older: 0, shown: { recomputed: 2, of: 2 } }
  expect(await check()).toMatchObject({ faults: [], intervals: shown })

  const first = (await commitOf('quiet', 0)).data!.path
  await rewrite(first, `* REPLACE (CASE shop WHEN 'b' THEN 99 ELSE amount END::BIGINT AS amount)`)
  const third = (await commitOf('quiet', 3)).data!.path
  await rewrite(third, `* REPLACE (${parseInstant(hour(0, 10))}::BIGINT AS __event_ns)`)
  const found = await check()
  expect(faultsOf(found)).toEqual(
    expect.arrayContaining([
      ['committed-file', 'b', '00:00'],
      ['committed-file', 'z', '03:00'],
    ]),
  )
  expect(found.intervals).toEqual(shown)
}, 600_000)
