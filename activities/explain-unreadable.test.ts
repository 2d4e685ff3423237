import { expect, test } from 'vitest'
import { MillcourseError } from '../core/errors.js'
import type { ActivityDeps } from './activity-deps.js'
import { explainingUnreadable } from './explain-unreadable.js'

test('what keeps a file from being read names the source whose file it is, with whatever else was known', async () => {
  const denied = new MillcourseError('SOURCE_ACCESS_DENIED', 'may not be opened', {
    ...{ hint: 'check the policy', cause: new Error('403'), facts: { file: 's3://shops/a.parquet' } },
  })
  const sourceOf = (file: string) =>
    ({ name: file === 's3://shops/a.parquet' ? 'shops' : 'sales', schema: [] }) as never
  const read = (error: Error) =>
    explainingUnreadable({} as ActivityDeps, sourceOf, null as never, () => Promise.reject(error))
  await expect(read(denied)).rejects.toMatchObject({
    ...{ code: 'SOURCE_ACCESS_DENIED', message: 'may not be opened', cause: denied.detail.cause },
    detail: { hint: 'check the policy', facts: { file: 's3://shops/a.parquet', source: 'shops' } },
  })
  const ofNoFile = new MillcourseError('COMPUTE_FAILED', 'no', { facts: { file: 's3://shops/a.parquet' } })
  await expect(read(ofNoFile)).rejects.toBe(ofNoFile)
})
