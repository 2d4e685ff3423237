import type { Spend } from '../measure/spend.js'

/**
 * Told of what is spent where it is spent; whose work it is the meter knows (workers/spend-book.ts). Outside of any work, as in a command,
 * it counts nothing. Cheap, and it never throws.
 */
export interface SpendMeter {
  add(spent: Partial<Spend>): void
}
