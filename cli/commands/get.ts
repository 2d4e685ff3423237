import {
  newItemsAtEndReader,
  planVector,
  type ReadStatus,
  readVectors,
  toJsonValue,
  type VectorPlan,
  type ViewRead,
} from '../../core/serve/index.js'
import { formatInstant } from '../../core/time/instant.js'
import type { CliContext, Report } from '../context.js'
import { formatTable } from '../output/table.js'
import { formatMs, formatValue } from '../output/words.js'
import { parsePairs } from './key-pairs.js'

/** Reads what is online for one entity, with status and age per view (R25); by the same code as `millcourse server`. */
export async function get(context: CliContext, name: string, pairs: readonly string[]): Promise<Report> {
  const given = parsePairs(pairs)
  const plan = planVector(await (await context.registry()).serving(), name)
  const now = context.clock.now()
  const { vectors } = await readVectors(newItemsAtEndReader(await context.online()), plan, [given], now)
  const reads = vectors[0]!
  const features = plan.features.map(({ name: output, view, feature, type, part }) => {
    const { values, status, features: held } = reads[part]!
    const own = held?.[feature]
    const shown = { name: output, view, feature, value: toJsonValue(type, values[feature] ?? null), status }
    return own ? { ...shown, ...own } : shown
  })
  return {
    outcome: 'done',
    data: {
      [plan.kind]: name,
      key: given,
      now: formatInstant(now),
      features,
      views: plan.parts.map(({ bundle }, index) => {
        const { status, eventAt, ageMs, missingIntervals } = reads[index]!
        return { view: bundle.view.name, version: bundle.view.version, status, eventAt, ageMs, missingIntervals }
      }),
    },
    text: vectorText(features, plan, reads),
  }
}

interface ShownFeature {
  readonly view: string
  readonly feature: string
  readonly value: unknown
  readonly status: ReadStatus
  /** Where it is not that of the view. */
  readonly eventAt?: string | null
}

function vectorText(features: readonly ShownFeature[], { parts }: VectorPlan, reads: readonly ViewRead[]): string {
  const isAnyHeld = features.some(({ eventAt }) => eventAt !== undefined)
  const values = formatTable<ShownFeature>(
    [
      { title: 'FEATURE', cell: ({ view, feature }) => `${view}:${feature}` },
      { title: 'VALUE', cell: ({ value }) => formatValue(value) },
      ...(isAnyHeld ? [{ title: 'STATUS', cell: heldText }] : []),
    ],
    features,
  )
  const views = parts.map(({ bundle }, index) => {
    const { status, eventAt, ageMs, missingIntervals } = reads[index]!
    // A window is as old as what is published of its view; a lookup without a time may be of a key that nobody knows.
    const nothing = bundle.view.viewKind === 'window' ? 'never published' : 'nothing of this key is published'
    const age = eventAt === null ? nothing : `as of ${eventAt}, ${formatMs(ageMs ?? 0)} old`
    const gaps = missingIntervals.length > 0 ? `, ${missingIntervals.length} intervals missing` : ''
    return `${bundle.view.name}@v${bundle.view.version}: ${status}, ${age}${gaps}`
  })
  return `${values}\n\n${views.join('\n')}`
}

/** R35; empty for what is as its view. */
function heldText({ status, eventAt }: ShownFeature): string {
  if (eventAt === undefined) return ''
  return eventAt === null ? `${status}, never published` : `${status}, as of ${eventAt}`
}
