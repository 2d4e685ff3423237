/** What backfills may take, of writes and of money. */
import { z } from 'zod'
import { backfillsAtOnceDefault } from '../core/plan/backfills-at-once.js'
import type { Prices } from '../core/plan/prices.js'
import { count, priceList } from './config-values.js'

const dollarWords = 'write it in US dollars, as 12.50'

export const backfillVariables = {
  MILLCOURSE_PRICES: priceList.optional(),
  MILLCOURSE_WRITE_UNITS_PER_SECOND: count(1, 10_000_000).unwrap().optional(),
  MILLCOURSE_BACKFILLS_AT_ONCE: count(backfillsAtOnceDefault, 1_000),
  MILLCOURSE_BACKFILL_COST_MAX: z.coerce.number(dollarWords).min(0, dollarWords).optional(),
} as const

export interface BackfillConfig {
  /** Of a plan; null: the defaults. */
  readonly prices: Prices | null
  /** The write budget of all publishes; null: none. */
  readonly writeUnitsPerSecond: number | null
  readonly atOnce: number
  /** US dollars that all that are open may cost together without approval; null: no limit. */
  readonly costMax: number | null
}

type Values = z.output<z.ZodObject<typeof backfillVariables>>

export function toBackfillConfig(env: Values): BackfillConfig {
  return {
    prices: env.MILLCOURSE_PRICES ?? null,
    writeUnitsPerSecond: env.MILLCOURSE_WRITE_UNITS_PER_SECOND ?? null,
    atOnce: env.MILLCOURSE_BACKFILLS_AT_ONCE,
    costMax: env.MILLCOURSE_BACKFILL_COST_MAX ?? null,
  }
}
