import { expect, test } from 'vitest'
import { MillcourseError } from '../../core/errors.js'
import { toLakeError } from './errors.js'

test('a file system’s errors become the lake’s, with the path and what the system said', () => {
  const codeOf = (errno: string) => toLakeError(Object.assign(new Error('x'), { code: errno }), '/lake/a').code
  expect(
    Object.fromEntries(
      ['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENAMETOOLONG', 'EIO', 'EMFILE'].map((errno) => [
        errno,
        codeOf(errno),
      ]),
    ),
  ).toEqual({
    ENOSPC: 'LAKE_FULL',
    EDQUOT: 'LAKE_FULL',
    EACCES: 'LAKE_ACCESS_DENIED',
    EPERM: 'LAKE_ACCESS_DENIED',
    EROFS: 'LAKE_ACCESS_DENIED',
    ENOENT: 'LAKE_FILE_MISSING',
    ENAMETOOLONG: 'CONFIG_INVALID',
    EIO: 'LAKE_UNREACHABLE',
    EMFILE: 'LAKE_UNREACHABLE',
  })
  const error = toLakeError(Object.assign(new Error('x'), { code: 'EIO' }), '/lake/a')
  expect(error.detail.facts).toEqual({ file: '/lake/a', errno: 'EIO' })
  const known = new MillcourseError('CONFIG_INVALID', 'mine')
  expect(toLakeError(known, '/lake/a')).toBe(known)
})
