/** Whether it is a file that cannot be read, or the lake: a bad block, or one object that was archived, keeps nobody from judging the others. */
import { type ErrorCode, isMillcourseError, MillcourseError } from '../core/errors.js'
import type { CancelSignal } from '../core/ports/cancel-signal.js'
import type { Lake, LakeDigest } from '../core/ports/lake.js'
import { buildWholeFileQuery } from '../core/quality/index.js'
import type { ActivityDeps } from './activity-deps.js'

/** So often what met a file that could not be read, and can be, is done once more. */
export const passingMax = 3
/** So many are tried before the lake counts as away. */
const witnessesMax = 8
/** Files that are read whole beside each other. */
export const digestsAtOnce = 4

/** What lake and engine say of one file, or of all. A request that one object refuses, as of a key of the client's own, is `CONFIG_INVALID`. */
const perhapsOfOneFile: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'LAKE_UNREACHABLE',
  'LAKE_ACCESS_DENIED',
  'CONFIG_INVALID',
  'SOURCE_ACCESS_DENIED',
  'SOURCE_FILE_MISSING',
  'SOURCE_FILE_CORRUPT',
  'PLAN_INPUTS_MOVED',
])

/** URI of the file that the engine could not read, and that may be at fault by itself (`isFileAtFault` says); null: it is something else. */
export function fileNotRead(error: unknown): string | null {
  const file = isMillcourseError(error) && perhapsOfOneFile.has(error.code) ? error.detail.facts?.file : undefined
  return typeof file === 'string' ? file : null
}

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
      const mayBeOfIt = isMillcourseError(error) && perhapsOfOneFile.has(error.code)
      if (!mayBeOfIt || !(await isAnotherRead(lake, uri, others))) throw error
    }
  return 'cannot be read'
}

/**
 * What the engine could not read (`fileNotRead`) is looked at once more, by the lake and then by the engine. False: it can be read by now.
 * @param others URIs of files that are likely to be readable
 * @throws MillcourseError LAKE_UNREACHABLE and others of the lake, where no other file can be read either; the engine's, of a file that the
 * lake reads and the engine may not
 */
export async function isFileAtFault(
  { lake, engine }: Pick<ActivityDeps, 'lake' | 'engine'>,
  error: unknown,
  file: string,
  { others, signal }: { readonly others: Iterable<string>; readonly signal: CancelSignal },
): Promise<boolean> {
  const now = await digestIfReadable(lake, file, others)
  if (now === 'cannot be read') return true
  if (now === null) {
    await throwIfAway(lake, file, others, error)
    return (await lake.head(file)) === null
  }
  try {
    await engine.withSession((session) => session.all(buildWholeFileQuery(file)), { signal })
    return false
  } catch (again) {
    if (isMillcourseError(again) && again.code === 'SOURCE_FILE_CORRUPT') return true
    const isGone = isMillcourseError(again) && ['SOURCE_FILE_MISSING', 'PLAN_INPUTS_MOVED'].includes(again.code)
    throw isGone ? awayFor(again, file) : again
  }
}

/** @throws MillcourseError LAKE_UNREACHABLE: no other file can be read either. A folder that is not mounted looks as if all were gone */
export async function throwIfAway(lake: Lake, file: string, others: Iterable<string>, cause?: unknown): Promise<void> {
  if (!(await isAnotherRead(lake, file, others))) throw awayFor(cause, file)
}

/** Of what is there and could not be read for a moment: it is tried again. */
export function awayFor(cause: unknown, file: string): MillcourseError {
  const why = isMillcourseError(cause) ? `: ${cause.message}` : ''
  return new MillcourseError('LAKE_UNREACHABLE', `the lake cannot be read, or could not for a moment${why}`, {
    cause,
    hint: 'is its folder mounted, and its store up? it is tried again by itself',
    facts: { file },
  })
}

async function isAnotherRead(lake: Lake, uri: string, others: Iterable<string>): Promise<boolean> {
  let left = witnessesMax
  for (const other of others) {
    if (other === uri) continue
    if (left-- <= 0) break
    if (await isRead(lake, other)) return true
  }
  // Of the views beside it, where it has no others.
  left = witnessesMax
  for await (const { path, sizeBytes } of lake.list('')) {
    if (sizeBytes === 0 || lake.uri(path) === uri) continue
    if (left-- <= 0) break
    if (await isRead(lake, path)) return true
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
