/**
 * Carries alerts out: one queue per channel, in order, each tried again with its own pauses, so that a slow or dead channel keeps
 * neither another one nor the watcher's look waiting. What no channel takes is told: by the log, a metric, and an incident.
 */
import type { Log } from '../activities/activity-deps.js'
import { type RetryPace, retryPauseMs } from '../core/alert/index.js'
import { isMillcourseError } from '../core/errors.js'
import { redactSecrets } from '../core/measure/index.js'
import type { AlertChannel, AlertMessage } from '../core/ports/alert-channel.js'
import type { Clock } from '../core/ports/clock.js'
import type { Telemetry } from '../core/ports/telemetry.js'
import { formatInstant, type IsoInstant, parseInstant } from '../core/time/instant.js'

export interface OutboxEntry {
  readonly channel: string
  readonly message: AlertMessage
  /** Under which the ledger knows it; absent or null: it was seen while the ledger was away. */
  readonly changeId?: string | null
}

/** A channel whose last attempt failed. */
export interface ChannelTrouble {
  readonly channel: string
  readonly since: IsoInstant
  /** Since when it has refused whatever it is told; null: it may take it later. */
  readonly refusedSince: IsoInstant | null
  /** Of the last attempt. */
  readonly why: string
  /** Messages given up since. */
  readonly givenUp: number
}

export interface DeliveryState {
  /** What is not delivered yet, oldest first. */
  readonly outbox: readonly OutboxEntry[]
  readonly troubles: readonly ChannelTrouble[]
}

export interface DeliveryDeps {
  readonly channels: readonly AlertChannel[]
  readonly log: Log
  readonly clock: Pick<Clock, 'realNow'>
  readonly telemetry: Telemetry
  read(): DeliveryState
  /** On disk before it resolves, where the disk lets it. */
  change(to: (state: DeliveryState) => DeliveryState): Promise<void>
}

export interface DeliverySettings extends RetryPace {
  /** A channel that refuses whatever it is told for so long is tried once per message. */
  readonly refusedMaxMs: number
  /** Of one channel; beyond it the oldest are given up. */
  readonly waitingMax: number
  /** An attempt that is under way when the process stops gets so long. */
  readonly closeMs: number
}

export const deliveryDefaults: DeliverySettings = {
  firstMs: 1_000,
  maxMs: 300_000,
  refusedMaxMs: 86_400_000,
  waitingMax: 1_000,
  closeMs: 2_000,
}

export interface Delivery {
  /** Begins where something waits and no pause is kept; returns at once. */
  wake(): void
  /** When each channel has nothing left, or keeps a pause. */
  settled(): Promise<void>
  close(): Promise<void>
}

export function startDelivery(deps: DeliveryDeps, settings: DeliverySettings): Delivery {
  const lines = deps.channels.map((channel) => channelLine(deps, settings, channel))
  return {
    wake: () => lines.forEach((line) => void line.wake()),
    settled: async () => void (await Promise.all(lines.map((line) => line.settled()))),
    async close() {
      const ended = Promise.all(lines.map((line) => line.close()))
      let timer: NodeJS.Timeout | undefined
      const patience = new Promise((resolve) => {
        timer = setTimeout(resolve, settings.closeMs)
      })
      await Promise.race([ended, patience])
      clearTimeout(timer)
    },
  }
}

function channelLine(deps: DeliveryDeps, settings: DeliverySettings, channel: AlertChannel) {
  const { name } = channel
  let isClosed = false
  let failures = 0
  let pause: NodeJS.Timeout | null = null
  let working: Promise<void> | null = null

  async function work(): Promise<void> {
    for (let entry = next(); entry !== undefined && !isClosed; entry = next()) {
      const failure = await attempt(channel, entry.message)
      if (failure === null) await delivered(entry)
      else if (!(await failed(entry, failure))) return
    }
  }

  const queue = () => deps.read().outbox.filter((entry) => entry.channel === name)
  const next = () => queue()[0]
  const trouble = () => deps.read().troubles.find((one) => one.channel === name)

  async function delivered(entry: OutboxEntry): Promise<void> {
    deps.telemetry.count('millcourse_alerts_total', { channel: name, outcome: 'delivered' })
    const before = trouble()
    if (before) deps.log.info({ channel: name, since: before.since }, 'alerts are delivered again')
    failures = 0
    await deps.change((state) => without(entry, { ...state, troubles: state.troubles.filter(isNot(name)) }))
  }

  /** True: go on with the next one. */
  async function failed(entry: OutboxEntry, failure: Failure): Promise<boolean> {
    failures += 1
    const now = deps.clock.realNow()
    const before = trouble()
    const at = formatInstant(now)
    const refusedSince = failure.refused === 'channel' ? (before?.refusedSince ?? at) : null
    const isOver =
      refusedSince !== null && now - parseInstant(refusedSince) >= BigInt(settings.refusedMaxMs) * 1_000_000n
    const excess = queue().slice(0, Math.max(0, queue().length - settings.waitingMax))
    const givenUp = failure.refused === 'message' || isOver ? [entry] : excess
    const after: ChannelTrouble = {
      ...{ channel: name, since: before?.since ?? at, refusedSince, why: failure.why },
      givenUp: (before?.givenUp ?? 0) + givenUp.length,
    }
    deps.telemetry.count('millcourse_alerts_total', { channel: name, outcome: 'failed' })
    for (const { message } of givenUp) {
      deps.telemetry.count('millcourse_alerts_total', { channel: name, outcome: 'given_up' })
      const { event, incident, deliveryId } = message
      const facts = { channel: name, event, key: incident.key, deliveryId, why: failure.why }
      deps.log.error(facts, `an alert is given up: ${incident.summary}`)
    }
    // Said when it begins and when it changes, not at every attempt: the metric counts those.
    if (before?.why !== failure.why)
      deps.log.warn(
        { channel: name, waiting: queue().length, why: failure.why },
        'an alert could not be delivered; it is tried again',
      )
    await deps.change((state) => {
      const troubles = [...state.troubles.filter(isNot(name)), after]
      return givenUp.reduce<DeliveryState>((left, one) => without(one, left), { ...state, troubles })
    })
    if (givenUp.includes(entry)) return true
    if (isClosed) return false
    const ms = retryPauseMs(failures, settings, Math.random(), failure.retryAfterMs)
    pause = setTimeout(() => {
      pause = null
      wake()
    }, ms)
    return false
  }

  function wake(): void {
    if (isClosed || pause !== null || working !== null) return
    working = work()
      .catch((error: unknown) => deps.log.error({ error, channel: name }, 'alerts of a channel are left waiting'))
      .finally(() => {
        working = null
        // One that came in the last moment.
        if (pause === null && next() !== undefined) setImmediate(wake)
      })
  }

  return {
    wake,
    async settled() {
      while (!isClosed && pause === null && (working !== null || next() !== undefined)) await (working ?? turn())
    },
    async close() {
      isClosed = true
      if (pause !== null) clearTimeout(pause)
      await working
    },
  }
}

/** Of a state that a former process kept: what waits for channels that there are no more is given up, for nobody would ever take it. */
export function ofChannels<State extends DeliveryState>(
  state: State,
  { channels, log }: Pick<DeliveryDeps, 'log'> & { readonly channels: readonly Pick<AlertChannel, 'name'>[] },
): State {
  const isThere = ({ channel }: { readonly channel: string }) => channels.some(({ name }) => name === channel)
  for (const { channel, message } of state.outbox.filter((entry) => !isThere(entry))) {
    const { event, incident, deliveryId } = message
    const facts = { channel, event, key: incident.key, deliveryId, why: 'there is no such channel any more' }
    log.error(facts, `an alert is given up: ${incident.summary}`)
  }
  return { ...state, outbox: state.outbox.filter(isThere), troubles: state.troubles.filter(isThere) }
}

interface Failure {
  readonly why: string
  readonly refused: 'message' | 'channel' | null
  readonly retryAfterMs: number | null
}

async function attempt(channel: AlertChannel, message: AlertMessage): Promise<Failure | null> {
  try {
    await channel.send(message)
    return null
  } catch (error) {
    // The words of a vendor's SDK that nobody has classified.
    if (!isMillcourseError(error)) return { why: redactSecrets(String(error)), refused: null, retryAfterMs: null }
    const { refused, retryAfterMs } = error.detail.facts ?? {}
    return {
      why: redactSecrets(`${error.code}: ${error.message}`),
      refused: error.code === 'ALERT_REFUSED' ? (refused === 'message' ? 'message' : 'channel') : null,
      retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : null,
    }
  }
}

function without(entry: OutboxEntry, state: DeliveryState): DeliveryState {
  const isIt = (one: OutboxEntry) =>
    one.channel === entry.channel && one.message.deliveryId === entry.message.deliveryId
  return { ...state, outbox: state.outbox.filter((one) => !isIt(one)) }
}

function isNot(channel: string) {
  return (one: { readonly channel: string }) => one.channel !== channel
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
