import { isMillcourseError } from '../core/errors.js'
import type { Lake } from '../core/ports/lake.js'

/**
 * Work that tells before it writes each file, and whose files are worth something only all together: when it fails, what it has written
 * goes. The engine removes a file that it cannot finish; the ones before it would stay, once per attempt, on a disk that is full. Their
 * names are the attempt's own, so nobody else can have read them.
 */
export async function removingUnfinished<T>(
  lake: Pick<Lake, 'remove'>,
  work: (writes: (path: string) => void) => Promise<T>,
): Promise<T> {
  const paths: string[] = []
  try {
    return await work((path) => void paths.push(path))
  } catch (error) {
    // A lake that is away has taken nothing, and would be waited for once more.
    const isAway = isMillcourseError(error) && /^LAKE_(UNREACHABLE|THROTTLED|ACCESS_DENIED)$/.test(error.code)
    // What cannot be removed is nobody's candidate either, and the error is the cause.
    if (!isAway) await Promise.all(paths.map((path) => lake.remove(path).catch(() => {})))
    throw error
  }
}
