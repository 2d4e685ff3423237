/** R35: what a view may say of features that a check holds alone. */
import { expect, test } from 'vitest'
import { isMillcourseError } from '../errors.js'
import { entity, featureView, lookup, parquet, t } from './index.js'

const shop = entity('shop', { keys: { shop: t.string() } })
const schema = { at: t.timestamp(), shop: t.string(), amount: t.int64(), note: t.string() }
const sales = parquet('sales', { path: 's/*.parquet', eventTime: 'at', schema })
const base = { version: 1, entity: shop, source: sales, since: '2001-01-01', every: '1h' } as const

function said(checks: object): { readonly message: string; readonly hint?: string; readonly facts?: unknown } {
  try {
    featureView('last', { ...base, features: { amount: lookup(), note: lookup() }, checks } as never)
    return { message: 'nothing' }
  } catch (error) {
    if (!isMillcourseError(error)) throw error
    const { hint, facts } = error.detail
    return { message: `${error.code} ${error.message}`, ...(hint ? { hint } : {}), facts }
  }
}

const own = (check: object) => said({ own: { sane: { sql: 'SELECT * FROM rows WHERE amount < 0', ...check } } })
const alone = 'hold-feature'

test('limits and drift of a feature may hold it alone; what is of the view may not', () => {
  expect(said({ features: { amount: { max: 1, severity: alone, drift: { sigmaMax: 3, severity: alone } } } })).toEqual({
    message: 'nothing',
  })
  for (const [name, limits] of [
    ['rows', { min: 1 }],
    ['drift', { volumeChangeMax: 1 }],
  ] as const)
    expect(said({ [name]: { ...limits, severity: alone } }).message).toBe(
      `DEFINE_INVALID view 'last': checks.${name}.severity "hold-feature" is neither 'hold' nor 'warn'`,
    )
  for (const rate of ['rejectedRate', 'duplicateRate'])
    expect(said({ [`${rate}Max`]: 0, [`${rate}Severity`]: alone }).message).toBe(
      `DEFINE_INVALID view 'last': checks.${rate}Severity "hold-feature" is neither 'hold' nor 'warn'`,
    )
  expect(said({ features: { amount: { max: 1, severity: 'hold-features' } } }).message).toBe(
    `DEFINE_INVALID view 'last': checks.features.amount.severity "hold-features" is none of 'hold', 'hold-feature' and 'warn'`,
  )
})

test('severities are of limits that the group has', () => {
  const amount = { max: 1, drift: { sigmaMax: 3, psiMax: 1, severities: { psiMax: 'warn' } } }
  expect(said({ features: { amount: { ...amount, severities: { max: alone } } } })).toEqual({ message: 'nothing' })
  expect(said({ rows: { max: 1, severities: { max: alone } } }).message).toBe(
    `DEFINE_INVALID view 'last': checks.rows.severities.max "hold-feature" is neither 'hold' nor 'warn'`,
  )
  expect(said({ features: { amount: { max: 1, severities: { min: 'warn' } } } }).message).toBe(
    "DEFINE_INVALID view 'last': checks.features.amount.severities names 'min', and checks.features.amount has no such limit",
  )
  expect(said({ drift: { volumeChangeMax: 1, historyMin: 4, severities: { historyMin: 'warn' } } }).message).toBe(
    "DEFINE_INVALID view 'last': checks.drift.severities names 'historyMin', and checks.drift has no such limit",
  )
  expect(said({ drift: { volumeChangeMax: 1, severities: 'warn' } }).message).toBe(
    "DEFINE_INVALID view 'last': checks.drift.severities is no object",
  )
})

test('each of the two rates of a view may be only told of; what is not said is not kept', () => {
  const kept = (checks: object) =>
    featureView('last', { ...base, features: { amount: lookup(), note: lookup() }, checks }).definition.checks
  const rates = { rejectedRateMax: 0.1, duplicateRateMax: 0 }
  expect(kept(rates)).toEqual({ rows: null, ...rates, features: {} })
  for (const severities of [{ rejectedRateSeverity: 'warn' }, { duplicateRateSeverity: 'hold' }])
    expect(kept({ ...rates, ...severities })).toEqual({ rows: null, ...rates, features: {}, ...severities })
})

test('a check of its own names the features that its rows speak against, and only then', () => {
  expect(own({ severity: alone, features: ['amount', 'note'] }).message).toBe('nothing')
  for (const features of [undefined, [], 'amount'])
    expect(own({ severity: alone, features })).toMatchObject({
      message: "DEFINE_INVALID view 'last': checks.own.sane holds features and names none",
      hint: 'features: […]; its features are amount, note',
    })
  expect(own({ severity: alone, features: ['amount', 'amuont'] })).toMatchObject({
    message: "DEFINE_INVALID view 'last': checks.own.sane.features names 'amuont', which is not one of its features",
    hint: 'its features are amount, note',
    facts: { check: 'sane', feature: 'amuont' },
  })
  for (const [severity, name] of [
    [undefined, 'none'],
    ['warn', "'warn'"],
  ] as const)
    expect(own({ severity, features: ['amount'] })).toMatchObject({
      message: `DEFINE_INVALID view 'last': checks.own.sane.features names what severity 'hold-feature' holds, and it says ${name}`,
      hint: "severity: 'hold-feature', or leave out features",
    })
})
