export const backfillsAtOnceDefault = 2

/** How many backfills of a project may run at once; the others are queued. */
export function backfillsAtOnce({ backfillsAtOnce }: { readonly backfillsAtOnce?: number }): number {
  return backfillsAtOnce ?? backfillsAtOnceDefault
}
