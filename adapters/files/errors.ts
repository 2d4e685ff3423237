/** A file system's errors to ours. */
import { type ErrorCode, MillcourseError } from '../../core/errors.js'

const codes: Readonly<Record<string, { readonly code: ErrorCode; readonly what: string; readonly hint: string }>> = {
  EACCES: { code: 'LAKE_ACCESS_DENIED', what: 'may not be accessed', hint: 'give this user the right to it' },
  EPERM: { code: 'LAKE_ACCESS_DENIED', what: 'may not be accessed', hint: 'give this user the right to it' },
  EROFS: { code: 'LAKE_ACCESS_DENIED', what: 'lies on a read-only file system', hint: 'mount it for writing' },
  ENOSPC: { code: 'LAKE_FULL', what: 'has no space left', hint: 'free space or let retention remove old files' },
  EDQUOT: { code: 'LAKE_FULL', what: 'is over its quota', hint: 'free space or raise the quota' },
  ENOENT: { code: 'LAKE_FILE_MISSING', what: 'does not exist', hint: 'look whether it was removed by hand' },
  ENOTDIR: { code: 'LAKE_FILE_MISSING', what: 'does not exist', hint: 'a file lies where a folder should be' },
  EISDIR: { code: 'LAKE_FILE_MISSING', what: 'is a folder', hint: 'name a file' },
  ENAMETOOLONG: { code: 'CONFIG_INVALID', what: 'has too long a name', hint: 'shorten the name' },
}

export function toLakeError(error: unknown, path: string): MillcourseError {
  if (error instanceof MillcourseError) return error
  const errno = (error as NodeJS.ErrnoException).code ?? 'unknown'
  const known = codes[errno] ?? {
    code: 'LAKE_UNREACHABLE',
    what: `cannot be reached (${errno})`,
    hint: 'look at the disk or the mount',
  }
  return new MillcourseError(known.code, `${path} ${known.what}`, {
    cause: error,
    hint: known.hint,
    facts: { file: path, errno },
  })
}
