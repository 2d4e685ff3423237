/**
 * Faults from outside the product's code: every port of a worker is wrapped, so that the process can be killed or stopped at the
 * n-th call inside a chosen activity, before or after the real call. A marker file tells the test that the fault fell.
 */
import { appendFileSync, writeFileSync } from 'node:fs'
import { Context } from '@temporalio/activity'
import type { ActivityDeps } from '../../activities/activity-deps.js'
import type { QueryEngine } from '../../core/ports/query-engine.js'

export interface FaultPlan {
  /** The activity inside which the fault falls. */
  readonly activity: string
  /** `online.putItems`; null: any call of any port. */
  readonly call: string | null
  readonly when: 'before' | 'after'
  /** 1 is the first matching call. */
  readonly nth: number
  /** SIGKILL, or SIGSTOP: a zombie that the test wakes with SIGCONT. */
  readonly action: 'SIGKILL' | 'SIGSTOP'
  /** The process stands still for so long before: what it has told Temporal by then has gone out. */
  readonly stillMs?: number
  /** Written just before the signal. */
  readonly markerFile: string
}

type Observe = (call: string, when: 'before' | 'after') => void

const ports = ['ledger', 'registry', 'lake', 'sources', 'engine', 'online'] as const

/** Its parent may send another plan at any time, and is told `armed`. */
export function withFaults(deps: ActivityDeps, first: FaultPlan | null): ActivityDeps {
  let plan = first
  let seen = 0
  process.on('message', (next: FaultPlan) => {
    plan = next
    seen = 0
    process.send?.('armed')
  })
  return observed(deps, (call, when) => {
    if (plan === null) return
    // A zombie's call has come back: the test may look at what it did.
    if (plan.action === 'SIGSTOP' && seen >= plan.nth && when === 'after' && call === plan.call)
      writeFileSync(`${plan.markerFile}.returned`, '')
    if (when !== plan.when || (plan.call !== null && plan.call !== call) || currentActivity() !== plan.activity) return
    seen += 1
    if (seen !== plan.nth) return
    writeFileSync(plan.markerFile, `${plan.activity} ${when} ${call} ${seen}\n`)
    // Temporal's native side goes on.
    if (plan.stillMs) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, plan.stillMs)
    process.kill(process.pid, plan.action)
  })
}

/** Writes one line per port call inside an activity, `<activity> <call>`: what a seeded fault may choose from. */
export function withTrace(deps: ActivityDeps, traceFile: string): ActivityDeps {
  return observed(deps, (call, when) => {
    const activity = currentActivity()
    if (when === 'before' && activity) appendFileSync(traceFile, `${activity} ${call}\n`)
  })
}

function observed(deps: ActivityDeps, observe: Observe): ActivityDeps {
  return {
    ...deps,
    ...Object.fromEntries(
      ports.map((name) => [
        name,
        name === 'engine' ? observedEngine(deps.engine, observe) : observedPort(name, deps[name], observe),
      ]),
    ),
  }
}

function observedPort<T extends object>(name: string, port: T, observe: Observe): T {
  return new Proxy(port, {
    get(target, property, receiver) {
      const member: unknown = Reflect.get(target, property, receiver)
      if (typeof member !== 'function') return member
      const call = `${name}.${String(property)}`
      return (...values: unknown[]): unknown => {
        observe(call, 'before')
        const result: unknown = member.apply(target, values)
        if (!(result instanceof Promise)) return result
        return result.then((value: unknown) => {
          observe(call, 'after')
          return value
        })
      }
    },
  })
}

/** The sessions an engine hands out are wrapped, too: a kill may fall between two statements. */
function observedEngine(engine: QueryEngine, observe: Observe): QueryEngine {
  return {
    withSession: (work, options) =>
      engine.withSession((session) => work(observedPort('engine', session, observe)), options),
    describe: (needsS3) => engine.describe(needsS3),
    close: () => engine.close(),
  }
}

function currentActivity(): string | null {
  try {
    return Context.current().info.activityType
  } catch {
    return null // outside an activity, at start and shutdown
  }
}
