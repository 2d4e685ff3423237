/**
 * What a publish costs beside the SDK calls that it cannot do without: the product's write path, from the recorded delta file to
 * acknowledged items, against the best bare loop of the same calls on the same DynamoDB Local, in turn.
 */
import type { ActivityDeps } from '../activities/activity-deps.js'
import { DynamoDbOnlineStore } from '../adapters/dynamodb/dynamodb-online-store.js'
import { localCredentials } from '../test/support/dynalite.js'
import { type DynamoDbLocal, startDynamoDbLocal } from '../test/support/dynamodb-local.js'
import { lookupBundle, row } from '../test/support/publish-fixtures.js'
import { type PublishRig, startPublishRig } from '../test/support/publish-rig.js'
import type { BenchResult } from './bench-result.js'
import { type BareLoop, bareLoop, type Mode } from './publish-peers.js'
import { itemsOf, prepareProduct } from './publish-product.js'

const rows = 10_000
const rounds = 5
const concurrencies = [8, 16, 32, 64]
/** Feast 0.67 on a machine of this kind: 10 features, DynamoDB Local, no condition. */
const feastRowsPerSecond = 1_900
const goals = { ratio: 0.8, cpuUsPerRow: 150, firstLoadOfFeast: 2.4, conditionalOfFeast: 1 }

interface Measured {
  readonly rowsPerSecond: number
  readonly cpuUsPerRow: number
}

export async function publish(): Promise<BenchResult> {
  const [local, rig] = await Promise.all([startDynamoDbLocal(), startPublishRig()])
  const online = new DynamoDbOnlineStore({ endpoint: local.endpoint, credentials: localCredentials })
  const settings = { ...rig.deps.settings, leaseMs: 3_600_000, publishPartItems: 10_000 }
  const deps = rig.worker({ online, settings })
  try {
    const rerunWrites = await rerunWithNothingChanged(rig, deps)
    const firstLoad = await compare(local, deps, 'firstLoad')
    const conditional = await compare(local, deps, 'conditional')
    const figures = { ...named('firstLoad', firstLoad), ...named('conditional', conditional), rerunWrites }
    return {
      name: 'publish',
      figures,
      goal:
        `at least ${goals.ratio} of the best bare loop, a first load and conditional writes; conditional writes at most ${goals.cpuUsPerRow} us of client CPU a row; ` +
        `a first load ${goals.firstLoadOfFeast} x Feast's ${feastRowsPerSecond} rows/s, conditional no slower than it; a rerun with nothing changed writes nothing`,
      met:
        Math.min(firstLoad.ratio, conditional.ratio) >= goals.ratio &&
        conditional.product.cpuUsPerRow <= goals.cpuUsPerRow &&
        firstLoad.product.rowsPerSecond >= goals.firstLoadOfFeast * feastRowsPerSecond &&
        conditional.product.rowsPerSecond >= goals.conditionalOfFeast * feastRowsPerSecond &&
        rerunWrites === 0,
    }
  } finally {
    await online.close()
    await Promise.all([rig.stop(), local.stop()])
  }
}

/** Items written by the product's whole publish when an interval was run again over the same rows. */
async function rerunWithNothingChanged(rig: PublishRig, deps: ActivityDeps): Promise<number> {
  const bundle = lookupBundle()
  const content = Array.from({ length: 200 }, (_, index) => row(bundle, 1, `origin ${index}`, index))
  let written = 0
  for (const round of ['first', 'again']) {
    await rig.commit(bundle, 0, content)
    const outcome = await rig.publish(bundle, {}, deps)
    if (outcome.kind !== 'finished') throw new Error(`the ${round} publish: ${outcome.kind}`)
    written = outcome.itemsWritten
  }
  return written
}

interface Comparison {
  readonly product: Measured
  readonly bare: Measured
  readonly bareConcurrency: number
  readonly ratio: number
}

/** Each round: the product once, the bare loop once for each concurrency, in an order that turns; the best concurrency by its median is the peer. */
async function compare(local: DynamoDbLocal, deps: ActivityDeps, mode: Mode): Promise<Comparison> {
  const loops = new Map(concurrencies.map((concurrency) => [concurrency, bareLoop(local.endpoint, concurrency)]))
  const product: Measured[] = []
  const bare = new Map<number, Measured[]>(concurrencies.map((concurrency) => [concurrency, []]))
  const state = await TableState.open(deps, mode)
  // One of each that does not count: compilers warm up on both sides of the wire.
  await measure(await state.nextProduct())
  await measure(await state.nextBare(loops.get(32)!))
  for (let round = 0; round < rounds; round++) {
    const runs = [
      async () => product.push(await measure(await state.nextProduct())),
      ...[...loops].map(
        ([concurrency, loop]) =>
          async () =>
            bare.get(concurrency)!.push(await measure(await state.nextBare(loop))),
      ),
    ]
    const order = runs.map((_, index) => runs[(index + round) % runs.length]!)
    for (const run of round % 2 === 0 ? order : order.toReversed()) await run()
  }
  await state.close()
  for (const loop of loops.values()) loop.close()
  const [bareConcurrency, best] = [...bare]
    .map(([concurrency, all]) => [concurrency, medianOf(all)] as const)
    .reduce((one, other) => (other[1].rowsPerSecond > one[1].rowsPerSecond ? other : one))
  const own = medianOf(product)
  return { product: own, bare: best, bareConcurrency, ratio: own.rowsPerSecond / best.rowsPerSecond }
}

/** The same table state for each run: a table of its own for a first load, else one that holds every item under a lower sequence. */
class TableState {
  private runs = 0
  private table = ''

  private constructor(
    private readonly deps: ActivityDeps,
    private readonly mode: Mode,
  ) {}

  static async open(deps: ActivityDeps, mode: Mode): Promise<TableState> {
    const state = new TableState(deps, mode)
    await state.newTable()
    if (mode === 'conditional') await (await state.product(true))()
    return state
  }

  async nextProduct(): Promise<() => Promise<void>> {
    if (this.mode === 'firstLoad') await this.newTable()
    return await this.product(this.mode === 'firstLoad')
  }

  async nextBare(loop: BareLoop): Promise<() => Promise<void>> {
    if (this.mode === 'firstLoad') await this.newTable()
    return loop.prepare(this.table, itemsOf(rows, BigInt(++this.runs)), this.mode)
  }

  async close(): Promise<void> {
    await this.deps.online.dropTable(this.table)
  }

  private product(isFirstLoad: boolean): Promise<() => Promise<void>> {
    return prepareProduct(this.deps, { table: this.table, rows, sequence: BigInt(++this.runs), isFirstLoad })
  }

  private async newTable(): Promise<void> {
    if (this.table !== '') await this.close()
    this.table = `bench.publish.${this.mode}.${this.runs}`
    await this.deps.online.ensureTable(this.table)
  }
}

/** CPU of this process: what is read, encoded, signed and sent, DuckDB's threads included. */
async function measure(write: () => Promise<void>): Promise<Measured> {
  const cpu = process.cpuUsage()
  const startedAtMs = performance.now()
  await write()
  const { user, system } = process.cpuUsage(cpu)
  return { rowsPerSecond: rows / ((performance.now() - startedAtMs) / 1_000), cpuUsPerRow: (user + system) / rows }
}

function medianOf(all: readonly Measured[]): Measured {
  const middle = (of: (one: Measured) => number) => all.map(of).toSorted((a, b) => a - b)[Math.floor(all.length / 2)]!
  return { rowsPerSecond: middle((one) => one.rowsPerSecond), cpuUsPerRow: middle((one) => one.cpuUsPerRow) }
}

function named(mode: Mode, { product, bare, bareConcurrency, ratio }: Comparison): Record<string, number> {
  return {
    [`${mode}RowsPerSecond`]: Math.round(product.rowsPerSecond),
    [`${mode}BareRowsPerSecond`]: Math.round(bare.rowsPerSecond),
    [`${mode}BareConcurrency`]: bareConcurrency,
    [`${mode}Ratio`]: Math.round(ratio * 100) / 100,
    [`${mode}CpuUsPerRow`]: Math.round(product.cpuUsPerRow),
    [`${mode}BareCpuUsPerRow`]: Math.round(bare.cpuUsPerRow),
    [`${mode}OfFeast`]: Math.round((product.rowsPerSecond / feastRowsPerSecond) * 100) / 100,
  }
}
