/** Counting must not harm what is counted: an answer that no release foresaw is counted as nothing, and is an answer all the same. */
export function withoutHarm(count: () => void): void {
  try {
    count()
  } catch {
    // Whoever asked has its answer; nobody waits for what it cost.
  }
}
