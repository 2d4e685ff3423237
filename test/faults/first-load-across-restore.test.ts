/** A worker that slept through a restore: the table that counts since stays, whether or not it has the sleeper's name. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createFilesLake } from '../../adapters/files/files-lake.js'
import { createPostgresArchive } from '../../adapters/postgres/backup.js'
import { backup } from '../../cli/commands/backup.js'
import { restore } from '../../cli/commands/restore.js'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import { onlineTableName } from '../../core/publish/index.js'
import { commandContext } from '../support/command-context.js'
import { lookupBundle, row } from '../support/publish-fixtures.js'
import { type PublishRig, startPublishRig, tableOf } from '../support/publish-rig.js'

let rig: PublishRig
beforeAll(async () => {
  rig = await startPublishRig()
})
afterAll(() => rig?.stop())

/** A first load that stops before it asks the ledger this, and goes on when it is woken. */
function sleepingLedger(before: 'recordDelta' | 'finishPublish') {
  let wake = () => {}
  const woken = new Promise<void>((resolve) => {
    wake = resolve
  })
  let stopped = () => {}
  const isStopped = new Promise<void>((resolve) => {
    stopped = resolve
  })
  const sleeping = async <Answer>(ask: () => Promise<Answer>): Promise<Answer> => {
    stopped()
    await woken
    return await ask()
  }
  const { ledger } = rig.deps
  const asleep: LedgerWriter =
    before === 'recordDelta'
      ? { ...ledger, recordDelta: (...given) => sleeping(() => ledger.recordDelta(...given)) }
      : { ...ledger, finishPublish: (...given) => sleeping(() => ledger.finishPublish(...given)) }
  return { ledger: asleep, isStopped, wake }
}

async function prepare() {
  const bundle = lookupBundle()
  const rows = Array.from({ length: 20 }, (_, index) => row(bundle, index, `A${index}`, 1))
  await rig.commit(bundle, 0, rows)
  const context = commandContext({
    ledgerArchive: async () => createPostgresArchive(rig.client),
    lakeAt: async (root: string) => createFilesLake(root),
    lake: async () => rig.deps.lake,
    online: async () => rig.deps.online,
  } as never)
  const dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'across-restore-'))
  const { data } = await backup(context, { out: join(dir, 'backups') })
  const from = (data as { backup: string }).backup
  const plain = onlineTableName(rig.deps.settings.project, bundle.view.name, bundle.view.version)
  return { bundle, plain, putBack: () => restore(context, { from, replace: true }) }
}

test('R36: a restore takes the table of a load that had come to its end; the sleeper’s late finish does not drop it', async () => {
  const { bundle, plain, putBack } = await prepare()
  const { ledger, isStopped, wake } = sleepingLedger('finishPublish')
  const sleeper = rig.publish(bundle, {}, rig.worker({ ledger }))
  await isStopped
  await putBack()
  expect(await tableOf(rig.deps, bundle)).toBe(`${plain}.s1`)
  wake()
  expect(await sleeper).toEqual({ kind: 'overtaken' })
  expect((await rig.online(bundle)).size).toBe(20)
})

test('R36: what had nothing online draws no sequence again, and a sleeper that made nothing drops nothing', async () => {
  const { bundle, plain, putBack } = await prepare()
  const { ledger, isStopped, wake } = sleepingLedger('recordDelta')
  const sleeper = rig.publish(bundle, {}, rig.worker({ ledger }))
  await isStopped
  await putBack()
  expect(await rig.publish(bundle)).toMatchObject({ kind: 'finished', itemsWritten: 20 })
  expect(await tableOf(rig.deps, bundle)).toBe(`${plain}.s1000001`)
  wake()
  expect(await sleeper).toEqual({ kind: 'overtaken' })
  expect((await rig.online(bundle)).size).toBe(20)
})

test('R36: nor is the sequence drawn that a table without an end has in its name; the table is left to a person', async () => {
  const { bundle, plain, putBack } = await prepare()
  await rig.deps.online.ensureTable(`${plain}.s7000000`)
  await putBack()
  await rig.publish(bundle)
  expect(await tableOf(rig.deps, bundle)).toBe(`${plain}.s8000001`)
  expect(await rig.deps.online.describeTable(`${plain}.s7000000`)).not.toBeNull()
})
