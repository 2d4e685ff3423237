/** The environment, parsed once, at the root of a process. Each variable is described in docs/configuration.md. */
import { isIP } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { MillcourseError } from '../core/errors.js'
import { sampleDefault, sampleMax } from '../core/quality/quality-check.js'
import { type IsoInstant, parseInstant } from '../core/time/instant.js'
import { type AlertConfig, alertVariables, toAlertConfig } from './alert-config.js'
import { type BackfillConfig, backfillVariables, toBackfillConfig } from './backfill-config.js'
import { count, durationMs, flag, httpUrl, sizeMb, spanMs } from './config-values.js'
import { type DeploymentConfig, deploymentVariables, toDeploymentConfig } from './deployment-config.js'
import { type HttpConfig, httpVariables, type ServerConfig, toHttpConfig, toServerConfig } from './http-config.js'

export type Environment = Readonly<Record<string, string | undefined>>

const instant = z.string().refine((text) => {
  try {
    parseInstant(text)
    return true
  } catch {
    return false
  }
}, 'write it as 2001-01-31T13:00:00Z')
/** A folder, `file:///…`, or a bucket with or without a prefix. */
const root = z
  .string()
  .regex(
    /^(?:(?![A-Za-z][A-Za-z0-9+.-]*:)|file:\/\/\/|s3:\/\/[^/])/,
    'write it as s3://bucket/prefix, file:///folder or a path',
  )

export const projectDefault = 'millcourse'

const schema = z.object({
  MILLCOURSE_PROJECT: z
    .string()
    .regex(/^[a-z][a-z0-9_]*$/, 'use lower-case letters, digits and underscores')
    .default(projectDefault),
  MILLCOURSE_POSTGRES_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\/[^/?]/, 'write it as postgresql://user:password@host:5432/database'),
  MILLCOURSE_POSTGRES_POOL: count(10, 1_000),
  MILLCOURSE_LAKE: root,
  MILLCOURSE_SOURCES: root.optional(),
  MILLCOURSE_S3_ENDPOINT: httpUrl('https://s3.example.com or http://127.0.0.1:9000').optional(),
  MILLCOURSE_S3_PATH_STYLE: z.enum(['true', 'false']).optional(),
  MILLCOURSE_S3_REGION: z.string().min(1).optional(),
  MILLCOURSE_S3_ROLE_ARN: z.string().startsWith('arn:', 'write it as arn:aws:iam::123456789012:role/name').optional(),
  MILLCOURSE_S3_CA: z.string().optional(),
  MILLCOURSE_HTTPFS: z.string().optional(),
  MILLCOURSE_DYNAMODB_ENDPOINT: httpUrl('http://127.0.0.1:8000').optional(),
  MILLCOURSE_DYNAMODB_KMS_KEY: z.string().min(1).optional(),
  MILLCOURSE_DYNAMODB_TABLES_MAX: count(2_500, 1_000_000),
  AWS_REGION: z.string().min(1).default('us-east-1'),
  TEMPORAL_ADDRESS: z.string().regex(/^[^\s:]+:\d+$/, 'write it as host:7233'),
  TEMPORAL_NAMESPACE: z.string().min(1).default('default'),
  TEMPORAL_UI_URL: httpUrl('http://127.0.0.1:8233').optional(),
  TEMPORAL_TLS: flag,
  TEMPORAL_TLS_CA: z.string().optional(),
  TEMPORAL_TLS_CERT: z.string().optional(),
  TEMPORAL_TLS_KEY: z.string().optional(),
  TEMPORAL_TLS_SERVER_NAME: z.string().optional(),
  TEMPORAL_API_KEY: z.string().optional(),
  TEMPORAL_API_KEY_FILE: z.string().optional(),
  MILLCOURSE_TASK_QUEUE: z.string().min(1).optional(),
  ...deploymentVariables,
  MILLCOURSE_ENVIRONMENT: z
    .string()
    .regex(/^[a-z][a-z0-9-]*$/, 'use lower-case letters, digits and hyphens')
    .optional(),
  MILLCOURSE_NOW: instant.optional(),
  MILLCOURSE_MEMORY_LIMIT: sizeMb('1GiB', '32MiB', '64TiB'),
  MILLCOURSE_SPILL_DIR: z.string().optional(),
  MILLCOURSE_SPILL_LIMIT: sizeMb('20GiB', '64MiB', '64TiB'),
  MILLCOURSE_THREADS: count(2, 256),
  MILLCOURSE_ACTIVITIES_MAX: count(8, 1_000),
  MILLCOURSE_RUNS_PER_TICK: count(24, 1_000),
  MILLCOURSE_HEARTBEAT: durationMs('20s', 100),
  MILLCOURSE_SHUTDOWN_GRACE: durationMs('30s'),
  MILLCOURSE_LEASE: durationMs('60s', 100),
  MILLCOURSE_PUBLISH_WAIT: durationMs('10s'),
  MILLCOURSE_PUBLISH_PART_ITEMS: count(10_000, 1_000_000),
  ...backfillVariables,
  MILLCOURSE_COMPACT: durationMs('24h', 60_000).or(z.literal('off')),
  MILLCOURSE_KEEP_COMPACTED: spanMs('7d', 3_600_000),
  MILLCOURSE_KEEP_SUPERSEDED: spanMs('90d', 3_600_000),
  MILLCOURSE_KEEP_CANDIDATES: spanMs('14d', 3_600_000),
  MILLCOURSE_KEEP_QUARANTINE: spanMs('90d', 3_600_000),
  MILLCOURSE_KEEP_RUN_DETAILS: spanMs('400d', 7 * 86_400_000),
  MILLCOURSE_CHECK_QUALITY: durationMs('24h', 1_000).or(z.literal('off')),
  MILLCOURSE_CHECK_QUALITY_SAMPLE: count(sampleDefault, sampleMax),
  ...alertVariables,
  MILLCOURSE_WATCH_STATE_DIR: z.string().optional(),
  // The alert on a watcher that does not look fires after two minutes (infra/observability/alerts.yaml).
  MILLCOURSE_WATCH_POLL: durationMs('15s', 100).refine((ms) => ms <= 60_000, 'at most 1m'),
  MILLCOURSE_WATCH_GRACE: durationMs('5m'),
  MILLCOURSE_WATCH_UNREACHABLE: durationMs('30s'),
  MILLCOURSE_WATCH_HELD: durationMs('24h').or(z.literal('off')),
  MILLCOURSE_ESCALATE_AFTER: durationMs('30m').or(z.literal('off')),
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl('http://127.0.0.1:4318').optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: httpUrl('http://127.0.0.1:4318/v1/traces').optional(),
  OTEL_TRACES_EXPORTER: z.enum(['otlp', 'none'], 'only `otlp` and `none` are known here').default('otlp'),
  OTEL_SDK_DISABLED: flag,
  MILLCOURSE_TEMPORAL_METRICS: z
    .string()
    .regex(/^(?:[^\s:[\]]+|\[[0-9a-fA-F:]+\]):\d+$/, 'write it as 0.0.0.0:9464')
    .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535, 'a port is at most 65535')
    .optional(),
  ...httpVariables,
  MILLCOURSE_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
})

/** What no variable can tell alone. */
const consistent = schema.refine(
  ({ MILLCOURSE_S3_PATH_STYLE: style, MILLCOURSE_S3_ENDPOINT: endpoint }) =>
    style !== 'false' || endpoint === undefined || isIP(new URL(endpoint).hostname.replace(/^\[|\]$/g, '')) === 0,
  {
    path: ['MILLCOURSE_S3_PATH_STYLE'],
    error: 'MILLCOURSE_S3_ENDPOINT names an IP address, which has no host names for buckets: leave it out, or set true',
  },
)

/** All that `readConfig` looks at; docs/configuration.md describes each. */
export const configVariables: readonly string[] = Object.keys(schema.shape)

export interface TemporalConfig {
  readonly address: string
  readonly namespace: string
  readonly taskQueue: string
  /** For links to what runs; null: unknown. */
  readonly uiUrl: string | null
  readonly isTls: boolean
  /** Files, PEM. */
  readonly tls: {
    readonly ca: string | null
    readonly cert: string | null
    readonly key: string | null
    /** The name that the server's certificate has to have; null: the address's. */
    readonly serverName: string | null
  }
  readonly apiKey: string | null
  readonly apiKeyFile: string | null
}

/** Where S3 is and as whom we ask; keys, profiles and the roles of machines are the AWS SDK's own chain. */
export interface S3Config {
  /** Null: S3 of the region. */
  readonly endpoint: string | null
  readonly isPathStyle: boolean
  readonly region: string
  /** Taken on with the credentials of the chain; null: those are used as they are. */
  readonly roleArn: string | null
  /** PEM file of the authorities that may sign the endpoint's certificate; null: those that Node trusts. */
  readonly caFile: string | null
}

export interface WatcherConfig {
  /** Where the calendar is kept, for the hour when the ledger is gone. */
  readonly stateDir: string
  readonly pollMs: number
  readonly graceMs: number
  readonly unreachableAfterMs: number
  /** Null: nothing escalates. */
  readonly escalateAfterMs: number | null
  /** Null: no hold lasts too long. */
  readonly heldMaxMs: number | null
}

export interface Config {
  readonly project: string
  readonly postgresUrl: string
  /** Connections at most. */
  readonly postgresPool: number
  /** A folder, `file:///…` or `s3://bucket/prefix`; `sources` likewise. */
  readonly lake: string
  /** The root of relative source paths; the working folder where nothing is said. */
  readonly sources: string
  readonly s3: S3Config
  readonly online: {
    readonly endpoint: string | null
    readonly region: string
    /** For new tables; null: a key that AWS owns. */
    readonly kmsKey: string | null
    /** The account's quota of tables, for `plan`. */
    readonly tablesMax: number
    /** Passing faults are retried for so long; absent: for the adapter's own time. */
    readonly patienceMs?: number
  }
  readonly temporal: TemporalConfig
  /** What kind of place this is, `production` say; null: nobody has said. */
  readonly environment: string | null
  /** `--now`; null: the real clock. */
  readonly now: IsoInstant | null
  readonly engine: {
    readonly memoryLimitMb: number
    readonly spillDir: string
    readonly spillMaxMb: number
    readonly threads: number
    /** The extension's file; null: found or installed. */
    readonly httpfsFile: string | null
  }
  readonly worker: {
    readonly activitiesMax: number
    readonly shutdownGraceMs: number
    readonly heartbeatMs: number
    readonly runsPerTick: number
    readonly identity: string
    /** Null: not versioned. */
    readonly deployment: DeploymentConfig | null
  }
  readonly publish: { readonly leaseMs: number; readonly waitMs: number; readonly partItems: number }
  readonly backfill: BackfillConfig
  /** How often views are compacted (null: never), and how long files stay that something else stands for. */
  readonly compaction: {
    readonly everyMs: number | null
    readonly compactedKeptMs: number
    readonly supersededKeptMs: number
    readonly candidatesKeptMs: number
    readonly quarantineKeptMs: number
    readonly detailsKeptMs: number
  }
  /** The Schedule that checks views. */
  readonly quality: { readonly everyMs: number | null; readonly sample: number }
  readonly watcher: WatcherConfig
  readonly alerts: AlertConfig
  readonly telemetry: {
    /** A collector of spans is named; the SDK reads where and how from the variables OTEL_… itself. */
    readonly isTracing: boolean
    /** Where Temporal's own metrics are shown, `host:port`; null: nowhere. */
    readonly temporalMetrics: string | null
  }
  readonly http: HttpConfig
  readonly server: ServerConfig
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent'
}

/** @throws MillcourseError CONFIG_INVALID naming each variable at fault; values are not repeated, they may be secrets. */
export function readConfig(env: Environment): Config {
  // An empty variable is an unset one: that is how shells and compose files leave something out.
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const parsed = consistent.safeParse(given)
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path, message }) => ({ name: path.join('.'), message }))
    const isSet = ({ name }: { name: string }) => given[name] !== undefined
    const faults = issues.map((issue) => `${issue.name}: ${isSet(issue) ? issue.message : 'is not set'}`)
    const namesOf = (some: typeof issues) => [...new Set(some.map(({ name }) => name))].join(', ')
    const [wrong, absent] = [namesOf(issues.filter(isSet)), namesOf(issues.filter((issue) => !isSet(issue)))]
    const advice = [
      wrong === '' ? [] : `correct ${wrong}: docs/configuration.md says how each is written`,
      absent === '' ? [] : `set ${absent}, or start the local stack with \`millcourse dev\``,
    ].flat()
    throw new MillcourseError('CONFIG_INVALID', `the environment is not as it has to be: ${faults.join('; ')}`, {
      hint: advice.join('; '),
      facts: { variables: namesOf(issues) },
    })
  }
  return toConfig(parsed.data, given)
}

/** Who sets one of these means TLS: an API key sent in the clear, or an authority that nobody asks, is a mistake. */
const tlsVariables = [
  ...([
    'TEMPORAL_TLS',
    'TEMPORAL_TLS_CA',
    'TEMPORAL_TLS_CERT',
    'TEMPORAL_TLS_KEY',
    'TEMPORAL_TLS_SERVER_NAME',
  ] as const),
  ...(['TEMPORAL_API_KEY', 'TEMPORAL_API_KEY_FILE'] as const),
]

function toConfig(env: z.output<typeof schema>, given: Environment): Config {
  return {
    project: env.MILLCOURSE_PROJECT,
    postgresUrl: env.MILLCOURSE_POSTGRES_URL,
    postgresPool: env.MILLCOURSE_POSTGRES_POOL,
    lake: env.MILLCOURSE_LAKE,
    sources: env.MILLCOURSE_SOURCES ?? process.cwd(),
    s3: {
      endpoint: env.MILLCOURSE_S3_ENDPOINT ?? null,
      // Few stores but Amazon's have a host name for each bucket.
      isPathStyle: env.MILLCOURSE_S3_PATH_STYLE
        ? env.MILLCOURSE_S3_PATH_STYLE === 'true'
        : env.MILLCOURSE_S3_ENDPOINT !== undefined,
      region: env.MILLCOURSE_S3_REGION ?? env.AWS_REGION,
      roleArn: env.MILLCOURSE_S3_ROLE_ARN ?? null,
      caFile: env.MILLCOURSE_S3_CA ?? null,
    },
    online: {
      endpoint: env.MILLCOURSE_DYNAMODB_ENDPOINT ?? null,
      region: env.AWS_REGION,
      kmsKey: env.MILLCOURSE_DYNAMODB_KMS_KEY ?? null,
      tablesMax: env.MILLCOURSE_DYNAMODB_TABLES_MAX,
    },
    temporal: {
      address: env.TEMPORAL_ADDRESS,
      namespace: env.TEMPORAL_NAMESPACE,
      taskQueue: env.MILLCOURSE_TASK_QUEUE ?? `millcourse-${env.MILLCOURSE_PROJECT}`,
      uiUrl: env.TEMPORAL_UI_URL ?? null,
      isTls: tlsVariables.some((name) => env[name] !== undefined && env[name] !== false),
      tls: {
        ca: env.TEMPORAL_TLS_CA ?? null,
        cert: env.TEMPORAL_TLS_CERT ?? null,
        key: env.TEMPORAL_TLS_KEY ?? null,
        serverName: env.TEMPORAL_TLS_SERVER_NAME ?? null,
      },
      apiKey: env.TEMPORAL_API_KEY ?? null,
      apiKeyFile: env.TEMPORAL_API_KEY_FILE ?? null,
    },
    environment: env.MILLCOURSE_ENVIRONMENT ?? null,
    now: env.MILLCOURSE_NOW ?? null,
    engine: {
      memoryLimitMb: env.MILLCOURSE_MEMORY_LIMIT,
      spillDir: env.MILLCOURSE_SPILL_DIR ?? join(tmpdir(), `millcourse-spill-${process.getuid?.() ?? 'user'}`),
      spillMaxMb: env.MILLCOURSE_SPILL_LIMIT,
      threads: env.MILLCOURSE_THREADS,
      httpfsFile: env.MILLCOURSE_HTTPFS ?? null,
    },
    worker: {
      activitiesMax: env.MILLCOURSE_ACTIVITIES_MAX,
      shutdownGraceMs: env.MILLCOURSE_SHUTDOWN_GRACE,
      heartbeatMs: env.MILLCOURSE_HEARTBEAT,
      runsPerTick: env.MILLCOURSE_RUNS_PER_TICK,
      identity: `${process.pid}@${hostname()}`,
      deployment: toDeploymentConfig(env),
    },
    publish: {
      leaseMs: env.MILLCOURSE_LEASE,
      waitMs: env.MILLCOURSE_PUBLISH_WAIT,
      partItems: env.MILLCOURSE_PUBLISH_PART_ITEMS,
    },
    backfill: toBackfillConfig(env),
    compaction: {
      everyMs: env.MILLCOURSE_COMPACT === 'off' ? null : env.MILLCOURSE_COMPACT,
      compactedKeptMs: env.MILLCOURSE_KEEP_COMPACTED,
      supersededKeptMs: env.MILLCOURSE_KEEP_SUPERSEDED,
      candidatesKeptMs: env.MILLCOURSE_KEEP_CANDIDATES,
      quarantineKeptMs: env.MILLCOURSE_KEEP_QUARANTINE,
      detailsKeptMs: env.MILLCOURSE_KEEP_RUN_DETAILS,
    },
    quality: {
      everyMs: env.MILLCOURSE_CHECK_QUALITY === 'off' ? null : env.MILLCOURSE_CHECK_QUALITY,
      sample: env.MILLCOURSE_CHECK_QUALITY_SAMPLE,
    },
    watcher: {
      stateDir: env.MILLCOURSE_WATCH_STATE_DIR ?? join(process.cwd(), '.millcourse', 'watcher'),
      pollMs: env.MILLCOURSE_WATCH_POLL,
      graceMs: env.MILLCOURSE_WATCH_GRACE,
      unreachableAfterMs: env.MILLCOURSE_WATCH_UNREACHABLE,
      heldMaxMs: env.MILLCOURSE_WATCH_HELD === 'off' ? null : env.MILLCOURSE_WATCH_HELD,
      escalateAfterMs: env.MILLCOURSE_ESCALATE_AFTER === 'off' ? null : env.MILLCOURSE_ESCALATE_AFTER,
    },
    alerts: toAlertConfig(env, given),
    telemetry: {
      isTracing:
        (env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? env.OTEL_EXPORTER_OTLP_ENDPOINT) !== undefined &&
        env.OTEL_TRACES_EXPORTER !== 'none' &&
        !env.OTEL_SDK_DISABLED,
      temporalMetrics: env.MILLCOURSE_TEMPORAL_METRICS ?? null,
    },
    http: toHttpConfig(env),
    server: toServerConfig(env),
    logLevel: env.MILLCOURSE_LOG_LEVEL,
  }
}
