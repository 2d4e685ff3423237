import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TemporalRunControl } from './temporal-run-control.js'

test('a key file that is written later is read then: a watcher may be started before it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'millcourse-key-'))
  const apiKeyFile = join(dir, 'key')
  // Nobody listens there.
  const runControl = new TemporalRunControl({
    ...{ address: '127.0.0.1:1', namespace: 'default', isTls: false, apiKey: null, apiKeyFile },
    tls: { ca: null, cert: null, key: null, serverName: null },
    ...{ project: 'shop', taskQueue: 'shop', runsPerTick: 1, heartbeatMs: 5_000 },
  })
  try {
    await expect(runControl.serverVersion()).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    await expect(runControl.serverVersion()).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    writeFileSync(apiKeyFile, 'a key')
    await expect(runControl.serverVersion()).rejects.toMatchObject({ code: 'TEMPORAL_UNREACHABLE' })
  } finally {
    await runControl.close()
    rmSync(dir, { recursive: true })
  }
}, 20_000)
