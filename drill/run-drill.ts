/**
 * One drill from end to end: a steady state, the fault, the alarm at its receiver, the undoing, the end of the alarm, rest, checks. The fault is
 * undone whatever happened. A canary's drill ends with the silence: what comes after it proves nothing about its alarm.
 */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Alarm } from './alarm.js'
import { isDeafOnly, isLogged } from './canary.js'
import { checkWorld } from './checks/check-world.js'
import { observeViews } from './checks/observe.js'
import { isOf, openKeys, toldDifferences } from './checks/told-once.js'
import { watchEnds } from './checks/watch-ends.js'
import type { Check, Drill } from './drill.js'
import type { Heard } from './receiver/incident-receiver.js'
import type { DrillReport } from './report/drill-report.js'
import type { DrillStack } from './stack/drill-stack.js'
import { DrillStopped, NotPossibleHere, until } from './until.js'
import type { DrillWorld } from './world/drill-world.js'
import { openWorld } from './world/open-world.js'
import type { Pace } from './world/pace.js'
import { untilRest, untilSettled, untilSteady } from './world/steady-state.js'

export interface RunOptions {
  /** `alone`: with the alarm cut; `before`: first so, then as it is, in one world. */
  readonly canary: 'none' | 'alone' | 'before'
  readonly pace: Pace
  /** Aborted: the fault is undone and the drill ends. */
  readonly signal: AbortSignal
  /** Told of each step. */
  readonly onStep?: (text: string) => void
}

/** An alarm has to come so long after its rule's time at the latest, and to end so long after the fault is undone. */
export const alarmWithinMs = 60_000
const resolvedWithinMs = 120_000
/** A cut alarm is in the watcher's log and nowhere else: so long it gets to come all the same. */
const canaryWaitMs = 4_000
/** Of what a check says; the report's checks have it whole. */
const differenceMax = 300

export async function runDrill(drill: Drill, stack: DrillStack, options: RunOptions): Promise<DrillReport[]> {
  const rounds = { none: [false], alone: [true], before: [true, false] }[options.canary]
  const runs = rounds.map((isCanary) => new DrillRun(drill, stack, isCanary, options))
  let world: DrillWorld | null = null
  let current = runs[0]!
  for (const run of runs) {
    const cut = run.isCanary ? drill.expects.alarm : null
    await run.guarded(async () => {
      current = run
      if (world === null) world = await run.open(cut, (text) => current.note(text))
      else await world.cut(cut)
      await run.experiment(world)
    })
    // A world that a round has left broken proves nothing in the next one.
    if (!run.hasEnded) {
      await run.guarded(async () => world?.close())
      world = null
    }
  }
  await runs.at(-1)!.guarded(async () => world?.close())
  return runs.map((run) => run.report())
}

const iso = (ms: number) => new Date(ms).toISOString()

class DrillRun {
  readonly #startedMs = Date.now()
  readonly #timeline: { at: string; what: string }[] = []
  readonly #failures: string[] = []
  #impossible: string | null = null
  readonly #checks: Check[] = []
  #told: readonly Heard[] = []
  #injectingMs: number | null = null
  #injectedMs: number | null = null
  #undoingMs: number | null = null
  #undoneMs: number | null = null
  #ruleMs: number | null = null
  #alarm: Heard | null = null
  #resolved: Heard | null = null
  #isSilent = false
  #isRaised: boolean | null = null
  /** It has come to an end that leaves the world whole. */
  hasEnded = false

  constructor(
    readonly drill: Drill,
    readonly stack: DrillStack,
    readonly isCanary: boolean,
    readonly options: RunOptions,
  ) {}

  /** Whatever goes wrong is what came of the drill. */
  async guarded(work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (error instanceof NotPossibleHere) {
        this.#impossible = error.message
        return this.note(`not possible here: ${error.message}`)
      }
      this.#fail(error instanceof DrillStopped ? error.message : `the drill broke: ${(error as Error).stack ?? error}`)
    }
  }

  async open(cut: Alarm | null, note: (text: string) => void): Promise<DrillWorld> {
    this.note('the world is made')
    const { drill, options } = this
    return openWorld(this.stack, {
      // Of several at once, and of yesterday's on a staging stack, each has its own.
      project: `drill_${drill.name.replaceAll('-', '_')}_${randomBytes(3).toString('hex')}`,
      options: drill.world?.(options.pace) ?? {},
      ...{ pace: options.pace, cut, signal: options.signal, note },
    })
  }

  async experiment(world: DrillWorld): Promise<void> {
    const heardBefore = world.receiver.heard.length
    try {
      await this.#steps(world)
      this.hasEnded = !this.isCanary || this.#alarm === null
    } finally {
      this.#told = world.receiver.heard.slice(heardBefore)
    }
  }

  async #steps(world: DrillWorld): Promise<void> {
    await untilSteady(world)
    this.note('steady: every view is published by its Schedule, no incident is open')
    const before = await observeViews(world)
    const ends = watchEnds(world)
    const toldBefore = world.receiver.heard.length
    const undo = await this.#inject(world)
    try {
      this.#alarm = await this.#untilAlarm(world, toldBefore)
      if (this.isCanary) this.#isRaised = await this.#isAlarmRaised(world)
      this.#isSilent = this.#alarm === null
      if (this.#isSilent) this.#fail(`the alarm ${this.drill.expects.alarm} did not come`)
      else await this.#stay()
    } finally {
      this.#undoingMs = Date.now()
      await undo()
      this.#undoneMs = Date.now()
      this.note(`undone: ${this.drill.undoneBy}`)
    }
    if (this.#alarm !== null) await this.#untilResolved(world, toldBefore)
    else if (this.isCanary) return void ends.stop()
    const { everyMs } = this.options.pace
    // A tick after the undoing sees what has come of it, files that were delivered again, too: of an interval that ends then.
    const dueMs = Math.ceil(this.#undoneMs / everyMs) * everyMs
    await untilSettled(world, dueMs)
    this.note('settled: what was due is published, no incident is open')
    await untilRest(world)
    this.#checks.push(...(await checkWorld(world, before, dueMs)))
    this.#checks.push({ what: 'published ends only rose', differences: ends.stop() })
    const told = world.receiver.heard.slice(toldBefore)
    this.#checks.push({
      what: 'told: no incident twice, and the end of the alarm after the fault was undone',
      differences: toldDifferences(this.drill.expects, told, this.#undoingMs, everyMs),
    })
    this.#checks.push(...((await this.drill.check?.(world)) ?? []))
    for (const { what, differences } of this.#checks)
      if (differences.length > 0) this.#fail(`does not hold: ${what}: ${differences[0]!.slice(0, differenceMax)}`)
  }

  async #inject(world: DrillWorld): Promise<() => Promise<void>> {
    this.note(`injecting: ${this.drill.injects}`)
    this.#injectingMs = Date.now()
    const undo = await this.drill.inject(world)
    this.#injectedMs = Date.now()
    this.#ruleMs = this.#injectedMs + this.drill.expects.afterMs(world)
    this.note(`injected; the alarm ${this.drill.expects.alarm} is due at ${iso(this.#ruleMs)}`)
    return undo
  }

  async #untilAlarm(world: DrillWorld, toldBefore: number): Promise<Heard | null> {
    const find = () =>
      world.receiver.heard
        .slice(toldBefore)
        .find((heard) => isOf(this.drill.expects, heard) && heard.event === 'opened') ?? null
    const limitMs = this.#ruleMs! + alarmWithinMs
    const { signal } = this.options
    const heard = this.isCanary
      ? await until(signal, async () => find() ?? ((await this.#isAlarmRaised(world)) ? 'logged' : null), limitMs)
      : await until(signal, find, limitMs)
    if (heard === 'logged') return await until(signal, find, Date.now() + canaryWaitMs)
    if (heard) this.note(`heard: ${heard.key}: ${heard.summary}`)
    return heard
  }

  /** The fault stays until what was tried of it was tried again: an alarm that ends meanwhile has ended too early. */
  async #stay(): Promise<void> {
    const { pace, signal } = this.options
    const staysMs = this.drill.staysMs?.(pace) ?? pace.everyMs + 2 * pace.pollMs
    await until(signal, () => null, Date.now() + staysMs)
  }

  /** Null: nobody could log it. */
  async #isAlarmRaised({ dir }: DrillWorld): Promise<boolean | null> {
    const { expects } = this.drill
    if (expects.alarm === 'dead_man_switch') return null
    const log = await readFile(join(dir, 'logs', 'watcher.log'), 'utf8').catch(() => '')
    return isLogged(log, expects, this.#injectingMs!)
  }

  async #untilResolved(world: DrillWorld, toldBefore: number): Promise<void> {
    const { expects } = this.drill
    const told = () => world.receiver.heard.slice(toldBefore)
    const areOver = () => (openKeys(expects, told()).length === 0 ? true : null)
    if (await until(this.options.signal, areOver, this.#undoneMs! + resolvedWithinMs)) {
      this.#resolved = told().findLast((heard) => isOf(expects, heard) && heard.event === 'resolved') ?? null
      this.note(`resolved: ${this.#alarm!.key}`)
    } else
      this.#fail(
        `not resolved within ${resolvedWithinMs / 1_000} s: the incident ${openKeys(expects, told()).join(', ')}`,
      )
  }

  note(what: string): void {
    this.#timeline.push({ at: iso(Date.now()), what })
    this.options.onStep?.(`${this.drill.name}${this.isCanary ? ' (canary)' : ''}: ${what}`)
  }

  #fail(why: string): void {
    this.#failures.push(why)
    this.note(`FAILED: ${why}`)
  }

  #outcome(): DrillReport['outcome'] {
    if (this.#failures.length > 0) return 'failed'
    return this.#impossible === null ? 'passed' : 'not-possible-here'
  }

  report(): DrillReport {
    const { drill, stack } = this
    const { injects, undoneBy, expects } = drill
    const at = (ms: number | null) => (ms === null ? null : iso(ms))
    return {
      ...{ drill: drill.name, isCanary: this.isCanary, outcome: this.#outcome(), failures: this.#failures },
      notPossibleBecause: this.#impossible,
      isRaised: this.#isRaised,
      isDeafOnly: isDeafOnly({ isSilent: this.#isSilent, isRaised: this.#isRaised, failures: this.#failures }),
      ...{ stack: stack.kind, startedAt: iso(this.#startedMs), endedAt: iso(Date.now()), injects, undoneBy },
      injectedAt: at(this.#injectedMs),
      expected: { alarm: expects.alarm, ruleAt: at(this.#ruleMs), withinMs: alarmWithinMs },
      alarm: this.#alarm && {
        ...{ heardAt: iso(this.#alarm.atMs), key: this.#alarm.key, summary: this.#alarm.summary },
        afterRuleMs: this.#alarm.atMs - this.#ruleMs!,
      },
      undoneAt: at(this.#undoneMs),
      resolvedAt: at(this.#resolved?.atMs ?? null),
      checks: this.#checks,
      told: this.#told.map(({ atMs, event, key, summary }) => ({ at: iso(atMs), event, key, summary })),
      timeline: this.#timeline,
    }
  }
}
