/** A limit as it is written on a command line: `delay_avg_24h.nullRateMax=0.1`, `delay_avg_24h.drift.sigmaMax=3`, `rows.min=1`. */
import type { FeatureCheck, FeatureViewDefinition, ViewChecks } from '../../core/define/definitions.js'
import { didYouMean } from '../../core/define/did-you-mean.js'
import { MillcourseError } from '../../core/errors.js'

const ofView = [
  ...['rows.min', 'rows.max', 'rejectedRateMax', 'duplicateRateMax'],
  ...['drift.volumeChangeMax', 'drift.cardinalityChangeMax', 'drift.historyMin'],
]
const ofFeature = [
  ...['nullRateMax', 'min', 'max', 'drift.sigmaMax', 'drift.nullRateChangeMax', 'drift.psiMax'],
  ...['drift.cardinalityChangeMax', 'drift.historyMin'],
]

/** These limits and no others. @throws MillcourseError USAGE */
export function askedChecks(view: FeatureViewDefinition, asked: readonly string[]): ViewChecks {
  const limits = asked.map((text) => readLimit(view, text))
  const at = (feature: string | null) => limits.filter((limit) => limit.feature === feature)
  const value = (feature: string | null, path: string) => at(feature).find((limit) => limit.path === path)?.value
  const group = (feature: string | null, prefix: string) => {
    const found = at(feature).filter(({ path }) => path.startsWith(prefix))
    return found.length === 0
      ? null
      : Object.fromEntries(found.map((one) => [one.path.slice(prefix.length), one.value]))
  }
  const featureNames = [...new Set(limits.flatMap(({ feature }) => feature ?? []))]
  const viewDrift = group(null, 'drift.')
  return {
    rows: group(null, 'rows.'),
    rejectedRateMax: value(null, 'rejectedRateMax') ?? null,
    duplicateRateMax: value(null, 'duplicateRateMax') ?? null,
    features: Object.fromEntries(featureNames.map((name) => [name, featureCheck(name)])),
    ...(viewDrift && { drift: viewDrift }),
  }

  function featureCheck(name: string): FeatureCheck {
    const own = at(name).filter(({ path }) => !path.startsWith('drift.'))
    const drift = group(name, 'drift.')
    return { ...Object.fromEntries(own.map((one) => [one.path, one.value])), ...(drift && { drift }) }
  }
}

interface Limit {
  /** Null: of the view. */
  readonly feature: string | null
  readonly path: string
  readonly value: number
}

function readLimit(view: FeatureViewDefinition, text: string): Limit {
  const [, written = '', digits = ''] = /^([^=]+)=(.+)$/.exec(text) ?? []
  const value = digits.trim() === '' ? Number.NaN : Number(digits)
  if (!Number.isFinite(value))
    throw new MillcourseError('USAGE', `"${text}" is not a limit`, { hint: "--check 'FEATURE.nullRateMax=0.1'" })
  const path = written.trim().replace(/^features\./, '')
  if (ofView.includes(path)) return { feature: null, path, value }
  const [name = '', ...rest] = path.split('.')
  const feature = view.features.find((one) => one.name === name)
  const names = view.features.map((one) => one.name)
  if (!feature)
    throw new MillcourseError('USAGE', `"${path}" is neither a limit of ${view.name} nor of one of its features`, {
      hint: `${didYouMean(name, names)}its features are ${names.join(', ')}; limits of the view are ${ofView.join(', ')}`,
    })
  const option = rest.join('.')
  if (!ofFeature.includes(option) || feature.column === null)
    throw new MillcourseError('USAGE', `feature ${name} has no limit "${option}"`, {
      hint:
        feature.column === null
          ? 'it counts rows and reads no column: rows.min, rows.max, drift.volumeChangeMax'
          : `${didYouMean(option, ofFeature)}there are ${ofFeature.join(', ')}`,
    })
  return { feature: name, path: option, value }
}
