/** Random interleavings from a seed, and the shortest trace that still breaks. */
import type { Guard } from './guards.js'
import { checkQuiet, checkSafety } from './invariants.js'
import { intervalCount, intervalLength, type Row, type View, views } from './view.js'
import { badValue, type Event, World } from './world.js'

export interface Trace {
  readonly seed: number
  readonly view: View
  /** See OpenPublishRequest; 0: every publish is written under conditions. */
  readonly firstLoadsMax: number
  readonly events: readonly Event[]
}

export interface Failure {
  readonly trace: Trace
  readonly broken: readonly string[]
  /** One line per event: what happened and what came of it. */
  readonly text: string
}

export interface SearchOptions {
  readonly seed: number
  readonly traces: number
  readonly without?: readonly Guard[]
  readonly eventsMax?: number
  /** How much more often than usual an event is tried. */
  readonly favour?: Favour
}

export type Favour = Partial<Record<Event['type'], number>>

/** The first failure, shortened; null: every trace kept every promise. */
export function findViolation(options: SearchOptions): Failure | null {
  const without = new Set(options.without ?? [])
  for (let index = 0; index < options.traces; index++) {
    const trace = generateTrace(options.seed + index, without, options.favour, options.eventsMax)
    if (replay(trace, without).broken.length > 0) return shorten(trace, without)
  }
  return null
}

/** Plays a trace to its end and then until nothing is left to do; stops at the first broken promise. */
export function replay(
  trace: Trace,
  without: ReadonlySet<Guard> = new Set(),
  watch: (event: Event, outcome: string, world: World) => void = () => undefined,
): { readonly broken: readonly string[]; readonly world: World } {
  const world = new World(trace.view, without, trace.firstLoadsMax)
  let broken: readonly string[] = []
  const play = (event: Event): boolean => {
    const outcome = world.apply(event)
    if (outcome === null) return false
    watch(event, outcome, world)
    broken = checkSafety(world)
    return true
  }
  for (const event of trace.events) {
    play(event)
    if (broken.length > 0) return { broken, world }
  }
  const rounds = drain(world, (event) => broken.length === 0 && play(event))
  if (broken.length > 0) return { broken, world }
  return { broken: rounds === null ? ['R33: it never comes to rest'] : checkQuiet(world), world }
}

/**
 * Lets everything come to rest: what runs ends, ticks start what is due, and sleepers wake last, when their successors have
 * finished. Twice, because a sleeper may leave work behind. Null: it does not come to rest.
 */
export function drain(world: World, play: (event: Event) => boolean): number | null {
  play({ type: 'backfill-ends' })
  for (let round = 1; round <= 12; round++) {
    let hasWorked = false
    for (const interval of world.intervalsToRun())
      hasWorked = play({ type: 'start', run: `d${round}-${interval}`, interval, kind: 'scheduled' }) || hasWorked
    for (const run of world.runningRuns()) while (play({ type: 'run', run: run.id })) hasWorked = true
    if (world.ledger.has('tick-publishes')) {
      play({ type: 'lease-expires' })
      const owner = `tick-${round}/1`
      play({ type: 'publisher', workflow: `tick-${round}`, attempt: 1 })
      while (play({ type: 'publish', owner })) hasWorked ||= world.publishers.get(owner)!.publish !== null
    }
    for (const { owner } of world.alivePublishers()) while (play({ type: 'publish', owner })) hasWorked = true
    while (play({ type: 'late-lands' })) hasWorked = true
    if (!hasWorked) return round
  }
  return null
}

export function generateTrace(
  seed: number,
  without: ReadonlySet<Guard> = new Set(),
  favour: Favour = {},
  eventsMax = 70,
): Trace {
  const random = randomFrom(seed)
  const view = views[Math.floor(random() * views.length)]!
  const firstLoadsMax = seed % 2 === 0 ? 2 : 0
  const world = new World(view, without, firstLoadsMax)
  const events: Event[] = []
  let last: Event | null = null
  while (events.length < eventsMax) {
    // Staying with one worker for a while gets it somewhere; switching leaves sleepers behind.
    const event: Event = last && random() < 0.55 ? last : propose(world, random, events.length, favour)
    const outcome = world.apply(event)
    const isStep: boolean = event.type === 'publish' || event.type === 'run'
    last = outcome !== null && isStep ? event : null
    if (outcome !== null) events.push(event)
  }
  return { seed, view, firstLoadsMax, events }
}

function propose(world: World, random: () => number, number: number, favour: Favour): Event {
  const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)]
  const interval = Math.floor(random() * intervalCount)
  const publisher = pick(world.alivePublishers())
  const run = pick(world.runningRuns())
  const held = pick([...world.ledger.runs.values()].filter(({ outcome }) => outcome === 'held'))
  const ended = pick([...world.ledger.runs.values()].filter(({ outcome }) => outcome !== 'running'))
  const workflow = pick([...world.publishers.values()])
  const due = pick(world.intervalsToRun())
  const kind = random() < 0.2 ? ('backfill' as const) : ('scheduled' as const)
  const options: [number, Event | undefined | false][] = [
    [9, publisher && { type: 'publish', owner: publisher.owner }],
    [9, run && { type: 'run', run: run.id }],
    [3, { type: 'files', interval, rows: randomRows(interval, random) }],
    [5, due !== undefined && { type: 'start', run: `r${number}`, interval: due, kind }],
    [0.7, { type: 'start', run: `r${number}`, interval, kind }],
    [3, world.alivePublishers().length < 4 && { type: 'publisher', workflow: `w${number}`, attempt: 1 }],
    [
      1.5,
      workflow && {
        type: 'publisher',
        workflow: workflow.workflow,
        attempt: 1 + [...world.publishers.values()].filter((one) => one.workflow === workflow.workflow).length,
      },
    ],
    [0.7, publisher && { type: 'crash', owner: publisher.owner }],
    [0.3, publisher && { type: 'release', owner: publisher.owner }],
    [2, publisher?.publish?.isFirstLoad && { type: 'answer-lost', owner: publisher.owner }],
    [0.7, world.late.length > 0 && { type: 'late-lands' }],
    [0.2, publisher && { type: 'renew', owner: publisher.owner }],
    [2.5, { type: 'lease-expires' }],
    [0.15, { type: 'cache-lost' }],
    [
      0.3,
      world.ledger.publishes.length > 0 && { type: 'delta-lost', sequence: world.ledger.publishes.at(-1)!.sequence },
    ],
    [0.35, { type: 'months-pass' }],
    [0.4, { type: random() < 0.5 ? 'backfill-begins' : 'backfill-ends' }],
    [0.4, ended && { type: 'commit-again', run: ended.id }],
    [0.2, run && { type: 'list', run: run.id }],
    [1.2, held && { type: 'decide', run: held.id, action: pick(['accept', 'accept', 'reject', 'rerun'] as const)! }],
  ]
  const possible = options
    .filter((option): option is [number, Event] => Boolean(option[1]))
    .map(([weight, event]): [number, Event] => [weight * (favour[event.type] ?? 1), event])
  let at = random() * possible.reduce((sum, [weight]) => sum + weight, 0)
  for (const [weight, event] of possible) {
    at -= weight
    if (at < 0) return event
  }
  return possible[0]![1]
}

function randomRows(interval: number, random: () => number): Row[] {
  const count = Math.floor(random() * 3)
  return Array.from({ length: count }, () => ({
    key: 'abc'[Math.floor(random() * 3)]!,
    // Now and then a row at the interval's end, which belongs to the next one.
    at: interval * intervalLength + (random() < 0.1 ? intervalLength : Math.floor(random() * 3)),
    value: random() < 0.1 ? badValue : 1 + Math.floor(random() * 2),
  }))
}

/** Leaves out what is not needed for something to break: halves first, then single events. */
function shorten(trace: Trace, without: ReadonlySet<Guard>): Failure {
  let events = [...trace.events]
  for (let size = Math.ceil(events.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let at = 0; at < events.length; ) {
      const fewer = events.toSpliced(at, size)
      if (replay({ ...trace, events: fewer }, without).broken.length > 0) events = fewer
      else at += size
    }
  const shortest = { ...trace, events }
  const lines: string[] = []
  const { broken } = replay(shortest, without, (event, outcome) => {
    lines.push(`${String(lines.length + 1).padStart(3)}  ${formatEvent(event).padEnd(22)} ${outcome}`)
  })
  return { trace: shortest, broken, text: formatFailure(shortest, without, lines, broken) }
}

function formatFailure(
  trace: Trace,
  without: ReadonlySet<Guard>,
  lines: readonly string[],
  broken: readonly string[],
): string {
  const { view } = trace
  const what = view.kind === 'lookup' ? 'lookup view' : `window view over ${view.reach} intervals, onGap ${view.onGap}`
  const removed = [...without].map((guard) => `without ${guard}`)
  const again = `again: PROTOCOL_SEED=${trace.seed} PROTOCOL_TRACES=1 npx vitest run --project stack test/reference/publish-protocol`
  return [`seed ${trace.seed}, ${what}`, ...removed, ...lines, ...broken.map((one) => `  => ${one}`), again].join('\n')
}

export function formatEvent(event: Event): string {
  if (event.type === 'files') return `files of ${event.interval}:`
  if (event.type === 'start' || event.type === 'list' || event.type === 'run' || event.type === 'decide')
    return `run ${event.run}`
  if (event.type === 'publisher') return `${event.workflow}/${event.attempt}`
  if ('owner' in event) return event.owner
  return event.type
}

/** mulberry32: small, seeded, the same everywhere. */
export function randomFrom(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
