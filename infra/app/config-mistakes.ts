/** What AWS or the product would refuse long after synthesis: half way through a deployment, or when the task starts. */
import type { InfraConfig } from './config.js'

/** Fargate's memory by its CPU units, in MiB: from, to, and the step between. */
const fargate: Readonly<Record<number, readonly [min: number, max: number, step: number]>> = {
  256: [512, 2048, 512],
  512: [1024, 4096, 1024],
  1024: [2048, 8192, 1024],
  2048: [4096, 16_384, 1024],
  4096: [8192, 30_720, 1024],
  8192: [16_384, 61_440, 4096],
  16384: [32_768, 122_880, 8192],
}
/** The process beside DuckDB: docs/production.md. */
const processMiB = 300
/** The least that the product takes: docs/configuration.md. */
const limitMinMiB = 32

/** Each begins with the field at fault. */
export function configMistakes(config: InfraConfig): string[] {
  const { availabilityZones: zones, postgres, worker } = config
  const mistakes: string[] = []
  if (new Set(zones).size < zones.length) mistakes.push('availabilityZones: one is named twice')
  if (!zones.every((zone) => zone.startsWith(config.region)))
    mistakes.push(`availabilityZones: name those of ${config.region}, as ${config.region}a`)
  // RDS grows by at least a tenth.
  if (postgres.storageMaxGiB < Math.ceil(postgres.storageGiB * 1.1))
    mistakes.push('postgres.storageMaxGiB: leave it at least a tenth above storageGiB')
  for (const name of ['worker', 'watcher', 'server'] as const) mistakes.push(...sizeMistakes(name, config[name]))
  for (const name of ['worker', 'server'] as const)
    if (config[name].tasks.max < config[name].tasks.min) mistakes.push(`${name}.tasks: max is below min`)
  mistakes.push(...alertMistakes(config.watcher))
  const limit = toMiB(worker.memoryLimit)
  if (limit === null || limit < limitMinMiB) mistakes.push('worker.memoryLimit: write it as 2GiB, at least 32MiB')
  else if (2 * limit + processMiB > worker.memoryMiB)
    mistakes.push(`worker.memoryMiB: leave it twice worker.memoryLimit and ${processMiB} MiB`)
  return mistakes
}

function alertMistakes({ webhook, alerts }: InfraConfig['watcher']): readonly string[] {
  if (alerts === undefined) return []
  const { routes, secretArns, topicArns } = alerts
  const named = [...routes.matchAll(/\benv: *['"]?([A-Za-z_]\w*)/g)].map((match) => match[1]!)
  const topics = [...routes.matchAll(/\btopic: *['"]?(arn:[^\s'",}]+)/g)].map((match) => match[1]!)
  return [
    ...(webhook === undefined ? [] : ['watcher.webhook: the product refuses it beside watcher.alerts']),
    ...named.filter((name) => !(name in secretArns)).map((name) => `watcher.alerts.secretArns: lacks ${name}`),
    ...topics.filter((topic) => !topicArns.includes(topic)).map((topic) => `watcher.alerts.topicArns: lacks ${topic}`),
  ]
}

function sizeMistakes(
  name: string,
  { cpu, memoryMiB }: Pick<InfraConfig['watcher'], 'cpu' | 'memoryMiB'>,
): readonly string[] {
  const range = fargate[cpu]
  if (range === undefined) return [`${name}.cpu: Fargate has ${Object.keys(fargate).join(', ')}`]
  const [min, max, step] = range
  const isBetween = memoryMiB >= min && memoryMiB <= max
  // The smallest has 512, 1024 and 2048 alone.
  const isThere = isBetween && memoryMiB % step === 0 && !(cpu === 256 && memoryMiB === 1536)
  return isThere ? [] : [`${name}.memoryMiB: with cpu ${cpu} Fargate has ${min} to ${max} in steps of ${step}`]
}

function toMiB(size: string): number | null {
  const [, number, unit] = /^(\d+)(MiB|GiB)$/.exec(size) ?? []
  return number === undefined ? null : Number(number) * (unit === 'GiB' ? 1024 : 1)
}
