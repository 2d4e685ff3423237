/** How values are written in environment variables; docs/configuration.md says the same in words. */
import { z } from 'zod'
import { isMillcourseError } from '../core/errors.js'
import { parsePrices } from '../core/plan/prices.js'
import { durationToMs } from '../core/time/duration.js'

/** What Node's timers can wait; they take more for nothing at all. */
const durationMaxMs = 2 ** 31 - 1
const spanMaxMs = 36_500 * 86_400_000

export const durationMs = (fallback: string, minMs = 0) =>
  z
    .string()
    .regex(/^(\d+(ms|s|m|h|d))+$/, 'write it as 500ms, 20s or 1h30m')
    .default(fallback)
    .transform(durationToMs)
    .refine((ms) => ms >= minMs && ms <= durationMaxMs, `at least ${minMs}ms, at most 24d`)

/** For what no timer waits for. */
export const spanMs = (fallback: string, minMs: number) =>
  z
    .string()
    .regex(/^(\d+(ms|s|m|h|d))+$/, 'write it as 12h, 7d or 90d')
    .default(fallback)
    .transform(durationToMs)
    .refine((ms) => ms >= minMs && ms <= spanMaxMs, `at least ${minMs}ms, at most 36500d`)

/** Beyond its maximum a number is a slip: it would be taken, and end the process under load, or inside a library. */
export const count = (fallback: number, max: number) => {
  const words = `write a whole number, at least 1, at most ${max}`
  return z.coerce.number(words).int(words).min(1, words).max(max, words).default(fallback)
}

/** @param example shows the form: that an address lacks its scheme is what most of them are refused for */
export const httpUrl = (example: string) => z.url({ protocol: /^https?$/, error: `write it as ${example}` })

export const flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((text) => text === 'true')

const sizeUnits = { MiB: 1, GiB: 1024, TiB: 1024 ** 2 } as const
const inMiB = (text: string) => Number.parseInt(text, 10) * sizeUnits[text.slice(-3) as keyof typeof sizeUnits]

/** In MiB. @param min as it is written; `max` likewise */
export const sizeMb = (fallback: string, min: string, max: string) =>
  z
    .string()
    .regex(/^\d+(MiB|GiB|TiB)$/, 'write it as 512MiB or 2GiB')
    .default(fallback)
    .transform(inMiB)
    .refine((size) => size >= inMiB(min) && size <= inMiB(max), `at least ${min}, at most ${max}`)

export const priceList = z.string().transform((text, context) => {
  try {
    return parsePrices(text)
  } catch (error) {
    context.addIssue({ code: 'custom', message: (isMillcourseError(error) && error.detail.hint) || String(error) })
    return z.NEVER
  }
})
