/**
 * Results in the order of `items`, at most `atOnce` under way. After an error nothing more begins, and it is thrown when what is under way has
 * ended: who then closes what the work goes over closes it under nobody.
 */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results = new Array<Result>(items.length)
  const queue = items.entries()
  const errors: unknown[] = []
  const runner = async (): Promise<void> => {
    for (const [index, item] of queue) {
      if (errors.length > 0) return
      try {
        results[index] = await work(item)
      } catch (error) {
        errors.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, runner))
  if (errors.length > 0) throw errors[0]
  return results
}
