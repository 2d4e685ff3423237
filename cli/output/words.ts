/** Numbers and times as people read them. */
import { formatInstant, type Instant } from '../../core/time/instant.js'

export function formatCount(count: number | null): string {
  return count === null ? '' : count.toLocaleString('en-US')
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}

export function formatMs(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`
  const seconds = Math.round(ms / 1_000)
  const minutes = Math.floor(seconds / 60)
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const step = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1)
  return `${step === 0 ? bytes : (bytes / 1024 ** step).toFixed(1)} ${units[step]}`
}

/** Without the sign; of less than a cent two digits that say something. */
export function formatDollars(dollars: number): string {
  return dollars > 0 && dollars < 0.01 ? dollars.toPrecision(2) : dollars.toFixed(2)
}

/** To the second: `2001-01-01T05:00:00Z`. */
export function formatSecond(instant: Instant | null): string {
  return instant === null ? '' : formatInstant(instant).replace(/\.\d+Z$/, 'Z')
}

/** A value as JSON has it (core/serve/json-value.ts): text and numbers as they are, a list or a map in JSON's own words. */
export function formatValue(value: unknown): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)
}
