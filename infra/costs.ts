/**
 * What a month costs, as formulas over what is done and what it is priced at (docs/costs.md; `npm run costs` prints its tables). Prices
 * are list prices from memory: inputs to be replaced by those of your region and contract.
 */

/** US dollars. */
export const prices = {
  'DynamoDB, million write units': 0.625,
  'DynamoDB, million read units': 0.125,
  'DynamoDB, GB-month': 0.25,
  'DynamoDB point-in-time recovery, GB-month': 0.2,
  'S3, thousand writes or listings': 0.005,
  'S3, thousand reads': 0.0004,
  'S3, GB-month': 0.023,
  'Fargate, vCPU-hour': 0.04048,
  'Fargate, GB-hour of memory': 0.004445,
  'Fargate, GB-hour of disk beyond 20': 0.000111,
  'RDS t4g.medium in two zones, hour': 0.129,
  'RDS disk in two zones, GB-month': 0.23,
  'NAT gateway, hour': 0.045,
  'Load balancer, hour': 0.03,
  'Temporal Cloud, million actions': 50,
} as const
export type Prices = Readonly<Record<keyof typeof prices, number>>

export interface Workload {
  readonly views: number
  readonly keysPerView: number
  /** Of a view's keys, how many have another value from one hour to the next. */
  readonly changedShare: number
  /** Stored item, attribute names included; a write unit is begun KiB. */
  readonly itemBytes: number
  /** Of a committed tile or row in Parquet, and of a key in the published state. */
  readonly committedBytesPerKey: number
  readonly publishedBytesPerKey: number
  /** Source files of an hour. */
  readonly filesPerRun: number
  readonly workers: number
  readonly servers: number
}

export const example: Workload = {
  views: 50,
  keysPerView: 1_000_000,
  changedShare: 0.05,
  itemBytes: 300,
  committedBytesPerKey: 60,
  publishedBytesPerKey: 50,
  filesPerRun: 10,
  workers: 4,
  servers: 2,
}

export const hoursPerMonth = 730
/** A publish of a window view whose state has more deltas than this merges them into a new base (activities/publish-state.ts). */
export const deltasMax = 32
/** Of one view and hour, by Temporal's counting: see `actionsOf`. */
export const actionsPerHour = 14
/**
 * Of one run to S3, about. Counted at the lake's port on a small world: 2 listings, the candidate, its move, the delta; DuckDB writes a
 * file in three requests. Reads: a month of tiles and the published state, two a file, as DuckDB reads them.
 */
export const requestsPerRun = { writes: 12, reads: 120, readsPerSourceFile: 5 } as const

const giga = 1e9

/** Dollars a month by part, dearest first. */
export function monthlyCosts(work: Workload, price: Prices): [part: string, dollars: number][] {
  const runs = work.views * hoursPerMonth
  const changed = work.keysPerView * work.changedShare
  const writeUnits = runs * changed * Math.ceil(work.itemBytes / 1024)
  const tableGb = (work.views * work.keysPerView * (work.itemBytes + 100)) / giga
  const reads = runs * (requestsPerRun.reads + requestsPerRun.readsPerSourceFile * work.filesPerRun)
  const task = (vcpu: number, gb: number, disk = 20) =>
    hoursPerMonth *
    (vcpu * price['Fargate, vCPU-hour'] +
      gb * price['Fargate, GB-hour of memory'] +
      (disk - 20) * price['Fargate, GB-hour of disk beyond 20'])
  const parts: [string, number][] = [
    ['DynamoDB writes', (writeUnits / 1e6) * price['DynamoDB, million write units']],
    [
      'DynamoDB storage and recovery',
      tableGb * (price['DynamoDB, GB-month'] + price['DynamoDB point-in-time recovery, GB-month']),
    ],
    [
      'S3 requests',
      (runs * requestsPerRun.writes * price['S3, thousand writes or listings'] + reads * price['S3, thousand reads']) /
        1000,
    ],
    ['S3 storage, per month of history', lakeGrowthGb(work) * price['S3, GB-month']],
    ['Workers', work.workers * task(2, 8, 80)],
    ['Servers', work.servers * task(1, 2)],
    ['Watcher', task(0.25, 1)],
    [
      'Postgres',
      hoursPerMonth * price['RDS t4g.medium in two zones, hour'] + 50 * price['RDS disk in two zones, GB-month'],
    ],
    ['NAT gateway and load balancer', hoursPerMonth * (price['NAT gateway, hour'] + price['Load balancer, hour'])],
    ['Temporal Cloud', ((runs * actionsPerHour) / 1e6) * price['Temporal Cloud, million actions']],
  ]
  return parts.sort(([, a], [, b]) => b - a)
}

/** What the lake grows by in a month: committed files, and the published state's deltas and bases. */
export function lakeGrowthGb(work: Workload): number {
  const changed = work.keysPerView * work.changedShare
  const published = work.publishedBytesPerKey * (changed + work.keysPerView / (deltasMax + 1))
  return (work.views * hoursPerMonth * (work.committedBytesPerKey * changed + published)) / giga
}

/** Actions that Temporal Cloud bills for a recorded history, without its start, which the parent's or the Schedule's are. */
export function actionsOf(events: readonly { readonly eventType: string | number }[]): number {
  const billed: Readonly<Record<string, number>> = {
    ACTIVITY_TASK_SCHEDULED: 1,
    TIMER_STARTED: 1,
    UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: 1,
    START_CHILD_WORKFLOW_EXECUTION_INITIATED: 2,
  }
  return events.reduce((sum, { eventType }) => sum + (billed[String(eventType).replace('EVENT_TYPE_', '')] ?? 0), 0)
}

/** The page's tables, between its markers. */
export function costTables(): string {
  const costs = monthlyCosts(example, prices)
  const total = costs.reduce((sum, [, dollars]) => sum + dollars, 0)
  const dollars = (value: number) => value.toLocaleString('en-US', { maximumFractionDigits: 0 })
  return [
    '| Part | $ a month |',
    '|---|---:|',
    ...costs.map(([part, value]) => `| ${part} | ${dollars(value)} |`),
    `| **Together** | **${dollars(total)}** |`,
    '',
    `The lake grows by ${dollars(lakeGrowthGb(example))} GB a month.`,
    '',
    '| Price taken | $ |',
    '|---|---:|',
    ...Object.entries(prices).map(([name, value]) => `| ${name} | ${value} |`),
  ].join('\n')
}
