/** How values are written in environment variables; docs/configuration.md says the same in words. */
import { z } from 'zod'
import { durationToMs } from '../core/time/duration.js'

/** What Node's timers can wait; they take more for nothing at all. */
const durationMaxMs = 2 ** 31 - 1

export const durationMs = (fallback: string, minMs = 0) =>
  z
    .string()
    .regex(/^(\d+(ms|s|m|h|d))+$/, 'write it as 500ms, 20s or 1h30m')
    .default(fallback)
    .transform(durationToMs)
    .refine((ms) => ms >= minMs && ms <= durationMaxMs, `at least ${minMs}ms, at most 24d`)

export const count = (fallback: number) => z.coerce.number().int().min(1).default(fallback)

export const flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((text) => text === 'true')

export const sizeMb = (fallback: string) =>
  z
    .string()
    .regex(/^\d+(MiB|GiB|TiB)$/, 'write it as 512MiB or 2GiB')
    .default(fallback)
    .transform((text) => Number.parseInt(text, 10) * { M: 1, G: 1024, T: 1024 ** 2 }[text.at(-3) as 'M' | 'G' | 'T'])
