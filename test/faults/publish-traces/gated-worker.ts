import type { ActivityDeps } from '../../../activities/activity-deps.js'
import { MillcourseError } from '../../../core/errors.js'

/** The calls at which a worker waits until it is told to go on; what a trace calls a step. */
const gated = new Set(['openPublish', 'recordDelta', 'finishPublish', 'putItems', 'loadItems', 'putEnd'])

type Order = 'go' | 'fail' | 'die' | 'lose'

/**
 * The real publisher, stopped before each of its writes: a worker that sleeps is one that is not told to go on. A dead one reaches
 * nothing any more, not even to give its lease back.
 */
export class GatedWorker {
  isEnded = false
  result: unknown = null
  #isDead = false
  /** The write it stands at. */
  #next = ''
  #tell: ((order: Order) => void) | null = null
  #arrive: () => void = () => undefined
  #arrived: Promise<void>

  /** @param late takes what is sent without an answer; calling it lets it land */
  constructor(
    deps: ActivityDeps,
    work: (deps: ActivityDeps) => Promise<unknown>,
    private readonly late: (() => Promise<unknown>)[],
  ) {
    this.#arrived = this.#newArrival()
    const ended = (result: unknown): void => {
      this.result = result
      this.isEnded = true
      this.#arrive()
    }
    work({ ...deps, ledger: this.#gate(deps.ledger), online: this.#gate(deps.online) }).then(ended, ended)
  }

  /** Waits until it stands at its next write or has ended. */
  async settled(): Promise<void> {
    await this.#arrived
  }

  /** One write, and on to the next. False: it has ended before. */
  step(): Promise<boolean> {
    return this.#order('go')
  }

  /** The next write fails as an unreachable store does: the worker gives its lease back. */
  fail(): Promise<boolean> {
    return this.#order('fail')
  }

  /** The next write of a first load goes out and its answer does not come back; nothing, where that is not its next step. */
  async loseAnswer(): Promise<boolean> {
    await this.#arrived
    return this.#next === 'loadItems' && (await this.#order('lose'))
  }

  die(): Promise<boolean> {
    return this.#order('die')
  }

  async #order(order: Order): Promise<boolean> {
    await this.#arrived
    if (this.isEnded) return false
    this.#arrived = this.#newArrival()
    this.#tell!(order)
    await this.#arrived
    return true
  }

  #newArrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#arrive = resolve
    })
  }

  #gate<T extends object>(port: T): T {
    return new Proxy(port, {
      get: (target, name) => {
        const method: unknown = Reflect.get(target, name)
        if (typeof method !== 'function') return method
        const call = (...args: unknown[]): unknown => Reflect.apply(method, target, args)
        if (!gated.has(String(name))) return (...args: unknown[]) => (this.#isDead ? never() : call(...args))
        return async (...args: unknown[]) => {
          if (this.#isDead) return never()
          const order = await new Promise<Order>((tell) => {
            this.#next = String(name)
            this.#tell = tell
            this.#arrive()
          })
          if (order === 'go') return await call(...args)
          if (order === 'lose') {
            this.late.push(async () => await call(...args))
            return 'unknown'
          }
          this.#isDead = order === 'die'
          throw new MillcourseError('PUBLISH_UNREACHABLE', `the trace says ${order}`)
        }
      },
    })
  }
}

function never(): Promise<never> {
  return Promise.reject(new MillcourseError('PUBLISH_UNREACHABLE', 'a dead worker reaches nothing'))
}
