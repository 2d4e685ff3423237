import { expect, test } from 'vitest'
import type { CliContext } from '../context.js'
import { backfillStatus } from './backfill-status.js'

test('who waits names what for: of all backfills none is waited for without a word', async () => {
  const nothing = {} as CliContext
  await expect(backfillStatus(nothing, undefined, { wait: true })).rejects.toMatchObject({ code: 'USAGE' })
})
