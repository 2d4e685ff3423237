/** What backfills may take, of writes and of money. */
import type { z } from 'zod'
import type { Prices } from '../core/plan/prices.js'
import { count, priceList } from './config-values.js'

export const backfillVariables = {
  MILLCOURSE_PRICES: priceList.optional(),
  MILLCOURSE_WRITE_UNITS_PER_SECOND: count(1, 10_000_000).unwrap().optional(),
} as const

export interface BackfillConfig {
  /** Of a plan; null: the defaults. */
  readonly prices: Prices | null
  /** The write budget of all publishes; null: none. */
  readonly writeUnitsPerSecond: number | null
}

type Values = z.output<z.ZodObject<typeof backfillVariables>>

export function toBackfillConfig(env: Values): BackfillConfig {
  return {
    prices: env.MILLCOURSE_PRICES ?? null,
    writeUnitsPerSecond: env.MILLCOURSE_WRITE_UNITS_PER_SECOND ?? null,
  }
}
