import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { readConfig } from './config.js'
import { installTemporalRuntime } from './temporal-runtime.js'

const log = { info() {}, warn() {}, error() {} }

test('metrics of the SDK that cannot be shown are a configuration’s fault, and named', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  for (const [address, why] of [
    [`127.0.0.1:${port}`, 'EADDRINUSE'],
    // A name is looked up, and not taken for a broken number.
    [`localhost:${port}`, 'EADDRINUSE'],
    ['192.0.2.1:9464', 'EADDRNOTAVAIL'],
    ['[192.0.2.1]:0', 'EADDRNOTAVAIL'],
  ] as const)
    await expect(installTemporalRuntime(log, address), address).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(`^MILLCOURSE_TEMPORAL_METRICS: cannot listen on .*${why}`),
    })
  other.close()
})

test.each(['localhost', 'localhost:70000', ':9464', '::1:9464', 'http://localhost:9464'])(
  '%s is refused as an address of metrics before anything is begun',
  (address) => {
    const env = {
      MILLCOURSE_POSTGRES_URL: 'postgresql://me@db/x',
      MILLCOURSE_LAKE: '/lake',
      TEMPORAL_ADDRESS: 't:7233',
    }
    expect(readConfig({ ...env, MILLCOURSE_TEMPORAL_METRICS: '[::1]:9464' }).telemetry.temporalMetrics).toBe(
      '[::1]:9464',
    )
    expect(() => readConfig({ ...env, MILLCOURSE_TEMPORAL_METRICS: address })).toThrow('MILLCOURSE_TEMPORAL_METRICS')
  },
)
