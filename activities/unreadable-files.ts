/** Whether it is a file that cannot be read, or the lake: a bad block, or one object that was archived, keeps nobody from judging the others. */
import { isMillcourseError } from '../core/errors.js'
import type { Lake, LakeDigest } from '../core/ports/lake.js'

/** So many are tried before the lake counts as away. */
const witnessesMax = 8

/**
 * As `Lake.digest`; `cannot be read`: so it was twice, after all that the lake repeats, and another file could be read each time.
 * @param others URIs of files that are likely to be readable
 * @throws MillcourseError as `Lake.digest`, where no other file can be read either
 */
export async function digestIfReadable(
  lake: Lake,
  uri: string,
  others: Iterable<string>,
): Promise<LakeDigest | null | 'cannot be read'> {
  // Twice: the lake may have been away for a moment.
  for (let times = 0; times < 2; times++)
    try {
      return await lake.digest(uri)
    } catch (error) {
      if (!mayBeOfOneFile(error) || !(await isAnotherRead(lake, uri, others))) throw error
    }
  return 'cannot be read'
}

function mayBeOfOneFile(error: unknown): boolean {
  return isMillcourseError(error) && (error.code === 'LAKE_UNREACHABLE' || error.code === 'LAKE_ACCESS_DENIED')
}

async function isAnotherRead(lake: Lake, uri: string, others: Iterable<string>): Promise<boolean> {
  let left = witnessesMax
  for (const other of others) {
    if (left-- <= 0) break
    if (other !== uri && (await isRead(lake, other))) return true
  }
  // Of the views beside it, where it has no others.
  left = witnessesMax
  for await (const { path, sizeBytes } of lake.list('')) {
    if (left-- <= 0) break
    if (sizeBytes > 0 && lake.uri(path) !== uri && (await isRead(lake, path))) return true
  }
  return false
}

async function isRead(lake: Lake, file: string): Promise<boolean> {
  try {
    return (await lake.readRange(file, 0, 1)).length > 0
  } catch {
    // Another one may be at fault, or gone, as well.
    return false
  }
}
