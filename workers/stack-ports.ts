/** The ports of one process, each opened when it is first asked for: `millcourse runs` needs neither DuckDB nor Temporal. */
import type { PostgresClient } from '../adapters/postgres/client.js'
import type { ProcessTelemetry } from '../adapters/telemetry/process-telemetry.js'
import type { CliContext } from '../cli/context.js'
import type { SpendMeter } from '../core/ports/spend-meter.js'
import type { Config } from './config.js'

/** What a command is given of the stack; `close` closes what was opened. */
export type StackPorts = Pick<
  CliContext,
  | 'migrate'
  | 'ledger'
  | 'registry'
  | 'ledgerArchive'
  | 'runControl'
  | 'online'
  | 'lake'
  | 'lakeAt'
  | 'sources'
  | 'engine'
  | 'close'
>

/** What is known of the step that uses a port right now. */
export interface StepFacts {
  /** Absent: nobody counts what it costs. */
  readonly spending?: SpendMeter
  /** The lowest gets the engine first; absent: all are alike. */
  readonly rank?: () => number
}

/**
 * @param config throws where the port's addresses are not known
 * @param telemetry absent: nobody measures what the ports do
 */
export function openStackPorts(
  config: () => Config,
  telemetry?: ProcessTelemetry,
  { spending, rank }: StepFacts = {},
): StackPorts {
  const counting = spending ? { spending } : {}
  const closers: (() => Promise<void>)[] = []
  const once = <T>(open: () => Promise<T>): (() => Promise<T>) => {
    let opened: Promise<T> | null = null
    return () => {
      opened ??= open()
      return opened
    }
  }
  const postgres = once<PostgresClient>(async () => {
    const { createPostgresClient } = await import('../adapters/postgres/client.js')
    const { postgresUrl, postgresPool, project } = config()
    const client = createPostgresClient({ url: postgresUrl, project, poolMax: postgresPool })
    closers.push(() => client.close())
    return client
  })
  const lakes = once(async () => {
    const { openStackLakes } = await import('./stack-lakes.js')
    const opened = openStackLakes({ ...config().s3, ...counting })
    closers.push(() => opened.close())
    return opened
  })
  return {
    migrate: async ({ isCheck } = { isCheck: false }) => {
      const client = await postgres()
      return isCheck ? client.schemaState() : client.migrate()
    },
    ledger: once(async () => {
      const { createPostgresLedger } = await import('../adapters/postgres/postgres-ledger.js')
      const ledger = createPostgresLedger(await postgres())
      if (!telemetry) return ledger
      return (await import('../adapters/telemetry/measured-ledger.js')).measuredLedger(ledger, telemetry)
    }),
    registry: once(async () =>
      (await import('../adapters/postgres/postgres-registry.js')).createPostgresRegistry(await postgres()),
    ),
    ledgerArchive: once(async () =>
      (await import('../adapters/postgres/backup.js')).createPostgresArchive(await postgres()),
    ),
    runControl: once(async () => {
      const { temporal, project, worker, compaction, quality } = config()
      const { TemporalRunControl } = await import('../adapters/temporal/temporal-run-control.js')
      const { runsPerTick, heartbeatMs } = worker
      const runControl = new TemporalRunControl({ ...temporal, project, runsPerTick, heartbeatMs, compaction, quality })
      closers.push(() => runControl.close())
      return runControl
    }),
    online: once(async () => {
      const settings = config().online
      const { DynamoDbOnlineStore } = await import('../adapters/dynamodb/dynamodb-online-store.js')
      const credentials = localCredentials(settings.endpoint)
      const online = new DynamoDbOnlineStore({
        ...settings,
        credentials,
        ...(telemetry ? { telemetry } : {}),
        ...counting,
      })
      closers.push(() => online.close())
      return online
    }),
    lake: once(async () => (await lakes()).lakeAt(config().lake)),
    lakeAt: async (root) => (await lakes()).lakeAt(root),
    sources: once(async () => (await lakes()).sourcesAt(config().sources)),
    engine: once(async () => {
      const { createDuckdbEngine } = await import('../adapters/duckdb/duckdb-query-engine.js')
      const { makeConfiguredFolder } = await import('./configured-folder.js')
      const { s3Access: s3 } = await lakes()
      await makeConfiguredFolder('MILLCOURSE_SPILL_DIR', config().engine.spillDir)
      const engine = await createDuckdbEngine({ ...config().engine, s3, ...counting, ...(rank ? { rank } : {}) })
      closers.push(() => engine.close())
      if (!telemetry) return engine
      return (await import('../adapters/telemetry/measured-engine.js')).measuredEngine(engine, telemetry)
    }),
    async close() {
      await Promise.all(closers.splice(0).map((close) => close()))
    },
  }
}

/** An endpoint on this machine asks for none, but the SDK does. */
export function localCredentials(endpoint: string | null) {
  const isLocal = endpoint !== null && /^https?:\/\/(127\.0\.0\.1|localhost|\[::1\])(:|\/|$)/.test(endpoint)
  return isLocal && !process.env.AWS_ACCESS_KEY_ID ? { accessKeyId: 'local', secretAccessKey: 'local' } : null
}
