/** What a team decides about its deployment; everything else follows from it. `config.example.ts` is one filled in. */
import { z } from 'zod'
import { configMistakes } from './config-mistakes.js'

const arn = (service: string) => z.string().regex(new RegExp(`^arn:aws[a-z-]*:${service}:`), `an ARN of ${service}`)
const days = z.number().int().min(1)
const tasks = z.strictObject({ min: z.number().int().min(1), max: z.number().int().min(1) })
/** Fargate's units: 1,024 are one core. */
const size = { cpu: z.number().int(), memoryMiB: z.number().int() }

export const configSchema = z.strictObject({
  account: z.string().regex(/^\d{12}$/),
  region: z.string().min(1),
  /** As in millcourse.json. */
  project: z.string().regex(/^[a-z][a-z0-9_]{0,39}$/),
  /** Named, so that synthesis asks no account. */
  availabilityZones: z.array(z.string()).min(2),
  network: z.strictObject({
    cidr: z.string(),
    /** One is cheaper; one a zone outlives the loss of a zone. */
    natGateways: z.number().int().min(1),
    /** ECR, logs and secrets without the NAT gateway; each costs by the hour and zone. */
    hasInterfaceEndpoints: z.boolean(),
  }),
  /** What reads and writes the product's files. */
  lake: z.strictObject({
    /** Below the bucket; the bucket is made here. */
    prefix: z.string().regex(/^[a-z0-9-]+$/),
    candidateDays: days,
    quarantineDays: days,
  }),
  /** Where producers write. Read only; `prefix` ends in a slash. */
  sources: z.array(z.strictObject({ bucket: z.string(), prefix: z.string().regex(/\/$/) })).min(1),
  /** Names of the views whose `tags` say `pii: true`: their tables and files are closed to all but the roles made for them. */
  piiViews: z.array(z.string().regex(/^[A-Za-z0-9_-]+$/)),
  /** A KMS key of your own for the online tables, by its key ARN (no alias); absent: one that AWS owns. Tables that are there keep theirs. */
  tableKeyArn: z
    .string()
    .regex(/^arn:aws[a-z-]*:kms:[^:]+:\d+:key\/[\w-]+$/, 'the ARN of a key, not of an alias')
    .optional(),
  postgres: z.strictObject({
    instanceType: z
      .string()
      .regex(/^[a-z]\d+[a-z]*\.(micro|small|medium|large|\d*xlarge)$/, 'a class of RDS without its db., as t4g.medium'),
    storageGiB: z.number().int().min(20),
    storageMaxGiB: z.number().int(),
    isMultiAz: z.boolean(),
    backupDays: days,
  }),
  backup: z.strictObject({ at: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'UTC, as 03:30'), keptDays: days }),
  temporal: z.strictObject({
    address: z.string().regex(/^[^\s:]+:\d+$/),
    namespace: z.string(),
    /** A secret whose whole value is the key; absent: a cluster of your own, without one. */
    apiKeySecretArn: arn('secretsmanager').optional(),
  }),
  image: z.strictObject({
    repositoryArn: arn('ecr'),
    /** A digest, or a tag that is never moved. */
    tag: z
      .string()
      .regex(/^(sha256:[0-9a-f]{64}|\w[\w.-]{0,127})$/, 'a tag as 1.2.3, or sha256: and a digest')
      .refine((tag) => tag !== 'latest', 'name a digest or a tag that is never moved'),
    architecture: z.enum(['X86_64', 'ARM64']),
  }),
  worker: z.strictObject({
    ...size,
    tasks,
    /** Interruptible tasks beside one that is not. A worker may die at any time; its steps start again elsewhere. */
    isSpot: z.boolean(),
    /** DuckDB's; the process takes as much again, and 300 MiB. */
    memoryLimit: z.string(),
    spillGiB: z.number().int().min(21).max(180),
  }),
  watcher: z.strictObject({
    ...size,
    /** One signed receiver of everything; or: */
    webhook: z.strictObject({ url: z.url(), secretArn: arn('secretsmanager') }).optional(),
    /** docs/incidents.md says how routes are written. */
    alerts: z
      .strictObject({
        /** The text of alerts.yaml. */
        routes: z.string().min(1),
        /** For each variable that the routes name, a secret whose whole value it is. */
        secretArns: z.record(z.string().regex(/^[A-Z][A-Z0-9_]*$/), arn('secretsmanager')),
        /** Of channels of type sns. */
        topicArns: z.array(arn('sns')),
      })
      .optional(),
    runbooksUrl: z.url().optional(),
    /** A secret that is the URL of a dead-man switch. */
    heartbeatSecretArn: arn('secretsmanager').optional(),
  }),
  server: z.strictObject({
    ...size,
    tasks,
    certificateArn: arn('acm'),
    /** Who may ask; the load balancer is internal. */
    clientCidrs: z.array(z.string()).min(1),
    requestsPerTaskAndMinute: z.number().int().min(1),
    /** A second service for `piiViews`, with a role of its own. */
    hasPiiService: z.boolean(),
  }),
  logDays: z.union([z.literal(7), z.literal(14), z.literal(30), z.literal(90), z.literal(365)]),
  alarmEmails: z.array(z.email()),
})

export type InfraConfig = z.output<typeof configSchema>

/** Checked where it is written, so that a mistake is named before anything is synthesised. @throws ZodError, Error */
export function infraConfig(given: InfraConfig): InfraConfig {
  const config = configSchema.parse(given)
  const mistakes = configMistakes(config)
  if (mistakes.length > 0) throw new Error(mistakes.join('; '))
  return config
}
