/** From pinned files to a judged candidate, over real Postgres, DuckDB and folders: broken files, moved files, counts. */
import { rename, rm, utimes } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { computeInterval } from '../../activities/compute-interval.js'
import { judgeInterval } from '../../activities/judge-interval.js'
import { readSource } from '../../activities/read-source.js'
import type { RunRef } from '../../activities/steps.js'
import { folder, hour, hourOf, redelivery, type SalesRig, sale, startSalesRig } from '../support/sales-views.js'

const driftChecks = {
  features: {
    amount: { drift: { sigmaMax: 3, psiMax: 2, historyMin: 5 } },
    note: { drift: { nullRateChangeMax: 0.5, historyMin: 5, severity: 'warn' } },
  },
  drift: { volumeChangeMax: 1, historyMin: 5 },
}

const ownChecks = {
  negative: { sql: 'SELECT shop, amount, "at" FROM rows WHERE amount < 0', max: 1 },
  crowded: { sql: 'SELECT shop FROM rows GROUP BY shop HAVING count(*) > 2', severity: 'warn' },
  parsed: { sql: 'SELECT * FROM rows WHERE CAST(note AS INTEGER) > 3', severity: 'warn' },
}

let rig: SalesRig
beforeAll(async () => {
  rig = await startSalesRig({
    ugly: { view: { lookback: '48h' } },
    contract: {},
    counts: {},
    units: {},
    moved: {},
    cancel: {},
    drifting: { view: { checks: driftChecks } },
    own: { view: { checks: { own: ownChecks } } },
  })
})
afterAll(() => rig?.stop())

describe('read and compute', () => {
  test('broken files are named, whatever is wrong with them', async () => {
    const good = sale(hour(0, 5), 'x', 1)
    await rig.write('ugly', 20, 'good', good)
    const whole = await rig.deps.sources.read(`${folder('ugly', 20)}/good.parquet`)
    const broken: readonly [number, string | Uint8Array][] = [
      [0, ''],
      [1, 'at,shop\n1,2\n'],
      [2, whole.subarray(0, whole.length >> 1)],
    ]
    for (const [hours, bytes] of broken) {
      await rig.write('ugly', hours, 'fine', sale(hour(hours, 5), 'x', 1))
      await rig.writeBytes(`${folder('ugly', hours)}/it's broken.parquet`, bytes)
      const { outcome, runId } = await rig.run(hourOf('ugly', hours))
      expect(outcome).toBe('SOURCE_FILE_CORRUPT')
      const { error } = (await rig.deps.ledger.run(runId))!
      expect(error!.facts.file).toBe(rig.deps.sources.uri(`${folder('ugly', hours)}/it's broken.parquet`))
    }
    // The tick of a source with broken files works all the same.
    expect(await rig.starts('ugly', hour(3))).toEqual([])
  })
  test('R24: no files, and a file without rows, commit an empty interval', async () => {
    expect((await rig.run(hourOf('ugly', 3))).outcome).toBe('done')
    await rig.write('ugly', 4, 'empty', `${sale(hour(4), 'x', 1)} LIMIT 0`)
    const { outcome, runId } = await rig.run(hourOf('ugly', 4))
    expect(outcome).toBe('done')
    expect((await rig.deps.ledger.run(runId))!.candidate).toMatchObject({
      data: null,
      quarantine: null,
      counts: { read: 0, kept: 0 },
    })
    expect(
      (
        await rig.deps.ledger.intervalStates(
          { view: 'ugly', version: 1 },
          { start: BigInt(Date.parse(hour(4))) * 1_000_000n, end: BigInt(Date.parse(hour(5))) * 1_000_000n },
        )
      )[0]!.committed,
    ).toMatchObject({ isEmpty: true })
  })
  test('the schema contract: file, column, was and is, before any data is read', async () => {
    const columns = (hours: number, select: string) => `SELECT ${select} FROM (${sale(hour(hours, 5), 'x', 1)})`
    const cases: readonly [number, string, object][] = [
      [0, columns(0, '"at", shop, note'), { column: 'amount', was: 'int64', is: 'absent' }],
      [1, columns(1, '"at", shop, amount::VARCHAR AS amount, note'), { column: 'amount', was: 'int64', is: 'VARCHAR' }],
      [2, columns(2, '"at", shop, amount AS "Amount", note'), { column: 'amount', is: 'Amount' }],
      [3, columns(3, '"at", shop, amount::HUGEINT::DOUBLE AS amount, note'), { column: 'amount', is: 'DOUBLE' }],
    ]
    for (const [hours, select, facts] of cases) {
      await rig.write('contract', hours, 'a', sale(hour(hours, 5), 'x', 1))
      await rig.writeFile(`${folder('contract', hours)}/b.parquet`, select)
      const file = rig.deps.sources.uri(`${folder('contract', hours)}/b.parquet`)
      await expect(readAt(hours), `${hours}`).rejects.toMatchObject({
        code: 'SOURCE_SCHEMA_CHANGED',
        detail: { facts: { ...facts, file } },
      })
    }
    async function readAt(hours: number) {
      const run = await rig.planned('contract', hours, `contract-${hours}`)
      return await rig.step(readSource, [run])
    }
  })
  test('an added column, another order and narrower integers are read; the addition is told', async () => {
    await rig.writeFile(
      `${folder('contract', 10)}/a.parquet`,
      `SELECT note, amount::INTEGER AS amount, shop, "at", 5 AS extra FROM (${sale(hour(10, 5), 'x', 12)})`,
    )
    const run = await rig.planned('contract', 10, 'contract-10')
    const { warnings } = await rig.step(readSource, [run])
    expect(warnings).toEqual([expect.stringContaining('column "extra" (INTEGER) is not declared')])
    await rig.step(computeInterval, [run], { id: run.runId })
    const { candidate } = (await rig.deps.ledger.run(run.runId))!
    expect(await rig.rowsOf(candidate!.data!.path)).toMatchObject([{ amount: 12n, shop: 'x' }])
  })
  test('R4, R5, R21, R28: null keys and times are rejected and kept apart; rows outside are no part of it', async () => {
    await rig.write(
      'counts',
      0,
      'a',
      sale(hour(0), 'x', 1),
      sale(hour(0, 59), 'y', null),
      sale(hour(0, 30), null, 3),
      `SELECT NULL::TIMESTAMP, 'z', 4::BIGINT, 'n'`,
      `SELECT NULL::TIMESTAMP, NULL, 5::BIGINT, 'n'`,
      sale(hour(1), 'x', 6),
      sale(hour(1, 30), null, 7),
    )
    const run = await rig.planned('counts', 0, 'counts')
    await rig.step(readSource, [run])
    const { counts } = await rig.step(computeInterval, [run], { id: run.runId })
    // The null key of half past one is rejected by the next hour, which reads the file, too.
    expect(counts).toMatchObject({
      ...{ read: 5, kept: 2, rejected: { null_key: 2, null_event_time: 1 }, outside: 2 },
    })
    const { candidate, profile } = (await rig.deps.ledger.run(run.runId))!
    expect(candidate!.data).toMatchObject({ path: 'candidates/counts/1/data.parquet', rows: 2 })
    expect((await rig.rowsOf(candidate!.data!.path)).map((row) => row.shop).toSorted()).toEqual(['x', 'y'])
    const quarantine = await rig.rowsOf(candidate!.quarantine!.path)
    expect(quarantine).toHaveLength(candidate!.quarantine!.rows)
    expect(quarantine.map((row) => [row.__reason, row.amount]).toSorted()).toEqual([
      ['null_event_time', 4n],
      ['null_key', 3n],
      ['null_key', 5n],
    ])
    expect(profile).toMatchObject({
      rowsRead: counts.read,
      rowsKept: 2,
      columns: [
        { feature: 'amount', values: 1, nulls: 1, min: 1, max: 1 },
        { feature: 'note', values: 2 },
      ],
    })
    // Repeated, by whatever attempt, it is what was recorded.
    expect(await rig.step(computeInterval, [run], { id: run.runId, attempt: 2 })).toEqual({ counts })
    expect((await rig.deps.ledger.run(run.runId))!.candidate!.data!.path).toBe('candidates/counts/1/data.parquet')
    const verdict = await rig.step(judgeInterval, [run])
    expect(verdict).toEqual({ decision: 'publish', findings: [] })
    expect(await rig.step(judgeInterval, [run])).toEqual(verdict)
  })
  test('R26: own checks are asked of the kept rows: so many bad rows pass, more hold, and one without an answer has not passed', async () => {
    const [bad, worse] = [sale(hour(0, 1), 'x', -1), sale(hour(0, 2), 'x', -2)]
    await rig.write('own', 0, 'all', bad, sale(hour(0, 3), null, -1), sale(hour(1), 'y', -1))
    await rig.write(
      'own',
      2,
      'all',
      ...[bad, worse].map((one) => one.replaceAll('T00:', 'T02:')),
      sale(hour(2, 5), 'x', 1),
    )
    const good = await rig.run(hourOf('own', 0))
    expect(good.outcome).toBe('done')
    const unanswered = { code: 'own_check_unanswered', severity: 'warn', check: 'parsed' }
    expect((await rig.deps.ledger.run(good.runId))!.verdict!.findings).toMatchObject([unanswered])
    const run = await rig.planned('own', 2, 'own-checks')
    await rig.step(readSource, [run])
    await rig.step(computeInterval, [run], { id: run.runId })
    const verdict = await rig.step(judgeInterval, [run])
    expect(verdict).toMatchObject({ decision: 'hold' })
    // Rows stay in the ledger: what is returned goes through Temporal.
    expect(JSON.stringify(verdict)).not.toContain('02:01:00')
    const { findings } = (await rig.deps.ledger.run(run.runId))!.verdict!
    expect(findings).toMatchObject([
      { code: 'own_check_failed', severity: 'hold', check: 'negative', observed: 2, limit: 1 },
      { code: 'own_check_failed', severity: 'warn', check: 'crowded', observed: 1, examples: ['{"shop":"x"}'] },
      { ...unanswered, why: expect.stringContaining("'n'") },
    ])
    expect(findings[0]!.examples!.toSorted()[0]).toBe('{"shop":"x","amount":-1,"at":"2001-01-01 02:01:00"}')
  })
  test('R26: a drift is judged against good runs, once there are enough; held ones are left out, and a value at its limit passes', async () => {
    const sales = (hours: number, rows: number, amount: string, note = `'n'`) =>
      `SELECT TIMESTAMP '${hour(hours).replace('Z', '')}' + INTERVAL 1 SECOND * i AS "at", 's' || i AS shop, ${amount} AS amount, ${note} AS note FROM range(${rows}) r(i)`
    const ran = async (hours: number, select: string) => {
      await rig.write('drifting', hours, 'all', select)
      const { outcome, runId } = await rig.run(hourOf('drifting', hours))
      const { verdict } = (await rig.deps.ledger.run(runId))!
      return [outcome, ...verdict!.findings.map(({ code }) => code)]
    }
    // Far beyond every limit, while nothing may be judged: the third hour is as odd as the last.
    const amounts = ['100 + i % 10', '100 + i % 10', '900', '100 + i % 10', '100 + i % 10']
    for (const [hours, amount] of amounts.entries())
      expect(await ran(hours, sales(hours, 100, amount))).toEqual(['done'])
    expect(await ran(5, sales(5, 200, '100 + i % 10'))).toEqual(['done'])
    expect(await ran(6, sales(6, 201, '9000', "CASE WHEN i > 500 THEN 'n' END"))).toEqual([
      'held',
      'rows_drifted',
      'mean_drifted',
      'distribution_drifted',
      'null_rate_drifted',
    ])
    const held = (await rig.deps.ledger.runs({ view: 'drifting', limit: 1 }))[0]!
    expect(held.verdict!.findings[0]).toMatchObject({
      ...{ severity: 'hold', feature: null, observed: 1.01, limit: 1 },
      baseline: { kind: 'week', runs: 6, was: 100, is: 201 },
    })
    expect(held.verdict!.findings[3]).toMatchObject({
      severity: 'warn',
      feature: 'note',
      baseline: { runs: 6, was: 0, is: 1 },
    })
    // Were the held hour part of the baseline, it would be of 7 runs.
    expect(await ran(7, sales(7, 301, '100 + i % 10'))).toEqual(['held', 'rows_drifted'])
    const next = (await rig.deps.ledger.runs({ view: 'drifting', limit: 1 }))[0]!
    expect(next.verdict!.findings[0]!.baseline).toMatchObject({ runs: 6, is: 301 })
  })
  test('R11: milliseconds, microseconds, nanoseconds and times with a zone are one instant', async () => {
    const at = (type: string, text: string) =>
      `SELECT '${text}'::${type} AS "at", 'x' AS shop, 1::BIGINT AS amount, '${type}' AS note`
    const files = [
      at('TIMESTAMP_MS', '2001-01-01 00:59:59.999'),
      at('TIMESTAMP', '2001-01-01 00:59:59.999999'),
      at('TIMESTAMP_NS', '2001-01-01 00:59:59.999999999'),
      at('TIMESTAMPTZ', '2001-01-01 02:59:59.999999+02'),
      at('TIMESTAMP_NS', '2001-01-01 01:00:00'),
    ]
    for (const [index, select] of files.entries()) await rig.write('units', 0, `${index}`, select)
    const { outcome, runId } = await rig.run(hourOf('units', 0))
    expect(outcome).toBe('done')
    const { candidate, pins } = (await rig.deps.ledger.run(runId))!
    expect(pins!.files).toHaveLength(4)
    expect(candidate!.counts).toMatchObject({ kept: 4, outside: 0 })
  })
  test('an input swapped under the run is seen, whatever it did to it', async () => {
    await rig.write('moved', 0, 'a', sale(hour(0, 5), 'x', 1))
    const run = await rig.planned('moved', 0, 'moved')
    await rig.write('moved', 0, 'a', sale(hour(0, 5), 'x', 2))
    await expect(rig.step(readSource, [run])).rejects.toMatchObject({ code: 'PLAN_INPUTS_MOVED' })
    await expect(rig.step(computeInterval, [run], { id: run.runId })).rejects.toMatchObject({
      code: 'PLAN_INPUTS_MOVED',
    })
    await rig.writeBytes(`${folder('moved', 0)}/a.parquet`, 'half a file')
    await expect(rig.step(computeInterval, [run], { id: run.runId })).rejects.toMatchObject({
      code: 'PLAN_INPUTS_MOVED',
    })
    await rig.deps.sources.remove(`${folder('moved', 0)}/a.parquet`)
    await expect(rig.step(computeInterval, [run], { id: run.runId })).rejects.toMatchObject({
      code: 'PLAN_INPUTS_MOVED',
    })
    expect((await rig.deps.ledger.run(run.runId))!.candidate).toBeNull()
  })
  test('a swap of the same size and time of modification is seen too', async () => {
    const path = (file: string) => rig.deps.sources.uri(`${folder('moved', 1)}/${file}.parquet`)
    await rig.write('moved', 1, 'a', sale(hour(1, 5), 'x', 1))
    await rig.write('moved', 1, 'other', sale(hour(1, 5), 'x', 2))
    await rename(path('other'), `${path('other')}.aside`)
    const at = new Date(978_310_800_000)
    await utimes(path('a'), at, at)
    await utimes(`${path('other')}.aside`, at, at)
    const run = await rig.planned('moved', 1, 'moved-1')
    await rename(`${path('other')}.aside`, path('a'))
    await expect(rig.step(computeInterval, [run], { id: run.runId })).rejects.toMatchObject({
      code: 'PLAN_INPUTS_MOVED',
    })
  })
  test('a definition changed since planning plans anew', async () => {
    await rig.write('moved', 2, 'a', sale(hour(2, 5), 'x', 1))
    const run = await rig.planned('moved', 2, 'moved-2')
    const stale = { ...run, definitionHash: 'another' }
    for (const step of [readSource, computeInterval, judgeInterval])
      await expect(rig.step<[RunRef], unknown>(step, [stale], { id: run.runId })).rejects.toMatchObject({
        code: 'PLAN_DEFINITION_MOVED',
      })
  })
  test('a cancelled computation stops and records nothing', async () => {
    await rig.write('cancel', 0, 'a', sale(hour(0, 5), 'x', 1))
    const run = await rig.planned('cancel', 0, 'cancel')
    const reason = new Error('told to stop')
    await expect(rig.step(computeInterval, [run], { id: run.runId, signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    )
    expect((await rig.deps.ledger.run(run.runId))!.candidate).toBeNull()
  })
})

describe('R19: redeliveries', () => {
  test('one that lies in a later interval re-opens the one it changes, once', async () => {
    await rig.write('events', 0, 'a', redelivery(0, 30, 'e1', 10, hour(0, 31)))
    await rig.write('events', 1, 'a', redelivery(1, 10, 'e2', 1, hour(1, 11)))
    expect(await rig.settle('redelivered', hour(2))).toEqual(['00:00 done', '01:00 done'])
    await rig.write('events', 2, 'a', redelivery(2, 5, 'e1', 12, hour(2, 6)))
    expect(await rig.settle('redelivered', hour(3))).toEqual(['02:00 done', '00:00 done'])
    const commits = await rig.deps.ledger.currentCommits(
      { view: 'redelivered', version: 1 },
      { start: 0n, end: 10n ** 20n },
    )
    expect(commits.map((commit) => commit.data?.rows ?? 0)).toEqual([0, 1, 1])
    // The re-opened one has looked at the later file: running the later one again asks for nothing more.
    const later = {
      view: 'redelivered',
      version: 1,
      kind: 'rerun',
      now: hour(3),
      interval: { start: hour(2), end: hour(3) },
    } as const
    expect((await rig.run(later)).outcome).toBe('done')
    expect(await rig.starts('redelivered', hour(3))).toEqual([])
  })

  test('R31: one that is gone, or no longer one, gives back the event that it hid', async () => {
    const commits = () =>
      rig.deps.ledger.currentCommits({ view: 'redelivered', version: 1 }, { start: 0n, end: 10n ** 20n })
    const rows = async () => (await commits()).map((commit) => commit.data?.rows ?? 0)
    await rig.write('events', 2, 'a', redelivery(2, 5, 'e3', 12, hour(2, 6)))
    expect(await rig.settle('redelivered', hour(3))).toEqual(['00:00 done', '02:00 done'])
    expect(await rows()).toEqual([1, 1, 1])
    await rig.write('events', 2, 'a', redelivery(2, 5, 'e2', 12, hour(2, 6)))
    expect(await rig.settle('redelivered', hour(3))).toEqual(expect.arrayContaining(['01:00 done', '02:00 done']))
    expect(await rows()).toEqual([1, 0, 1])
    await rm(rig.deps.sources.uri(`${folder('events', 2)}/a.parquet`))
    expect(await rig.settle('redelivered', hour(3))).toEqual(expect.arrayContaining(['01:00 done', '02:00 done']))
    expect(await rows()).toEqual([1, 1, 0])
    expect(await rig.starts('redelivered', hour(3))).toEqual([])
  })
})
