import { expect, test } from 'vitest'
import type { FeatureSeverity } from '../define/definitions.js'
import { decideFindings, holdableFeatures } from './decide-findings.js'
import type { Finding } from './verdict.js'

const found = (severity: FeatureSeverity, feature: string | null, features?: readonly string[]): Finding => ({
  ...{ code: 'null_rate_above', severity, feature, observed: 1, limit: 0 },
  ...(features ? { features } : {}),
})
const view = { features: ['delay', 'distance', 'origin'].map((name) => ({ name })) } as never
const first = holdableFeatures(view, null)
const decided = (findings: readonly Finding[], may = first) => {
  const { decision, heldFeatures } = decideFindings(findings, may)
  return heldFeatures ? `${decision} without ${heldFeatures.join(', ')}` : decision
}

test('R35: features that fail alone are left out, and nothing else is said of the run', () => {
  expect(decided([])).toBe('publish')
  expect(decided([found('warn', 'delay')])).toBe('publish')
  expect(decided([found('hold-feature', 'distance'), found('warn', null)])).toBe('publish without distance')
  expect(decided([found('hold-feature', 'distance'), found('hold-feature', null, ['delay', 'distance'])])).toBe(
    'publish without delay, distance',
  )
})

test('R35, R26: the run is held where another check holds it, or nothing would be left', () => {
  expect(decided([found('hold-feature', 'delay'), found('hold', 'distance')])).toBe('hold')
  expect(decided([found('hold-feature', null, ['delay', 'distance', 'origin'])])).toBe('hold')
})

test('R35, R37: a version of the interval that has the feature counts on: then the run is held', () => {
  const accepted = holdableFeatures(view, {})
  expect(decided([found('hold-feature', 'delay')], accepted)).toBe('hold')
  const left = holdableFeatures(view, { held: { features: ['delay'], isRejected: false } })
  expect(decided([found('hold-feature', 'delay')], left)).toBe('publish without delay')
  expect(decided([found('hold-feature', 'distance')], left)).toBe('hold')
  const rejected = holdableFeatures(view, { held: { features: ['delay'], isRejected: true } })
  expect(decided([found('hold-feature', 'delay')], rejected)).toBe('hold')
})
