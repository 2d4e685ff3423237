/** What is said of a channel that takes no alerts: an incident as any other, for those whom other channels reach. */
import type { Instant } from '../core/time/instant.js'
import { parseInstant } from '../core/time/instant.js'
import type { IncidentDraft, OpenIncident } from '../core/watch/index.js'
import type { ChannelTrouble, DeliveryState } from './alert-delivery.js'

/** Refusals are told at once; what passes by itself is given `afterMs`. */
export function undeliveredDrafts(
  { troubles, outbox }: DeliveryState,
  now: Instant,
  afterMs: number,
): readonly IncidentDraft[] {
  const lasted = (since: Instant) => now - since >= BigInt(afterMs) * 1_000_000n
  return troubles
    .filter(({ refusedSince, givenUp, since }) => refusedSince !== null || givenUp > 0 || lasted(parseInstant(since)))
    .map((trouble) => draftOf(trouble, outbox.filter(({ channel }) => channel === trouble.channel).length))
}

function draftOf({ channel, since, why, givenUp, refusedSince }: ChannelTrouble, waiting: number): IncidentDraft {
  const lost = givenUp === 0 ? '' : `; ${givenUp} given up`
  return {
    key: `undelivered/${channel}`,
    rule: 'undelivered',
    severity: 'warning',
    view: null,
    version: null,
    owner: null,
    summary: `channel ${channel} has taken no alert since ${since}: ${why}`,
    nextStep: `millcourse alerts test ${channel}`,
    facts: { channel, since, why, firstCause: `${why}${lost}`, waiting, givenUp },
    // Not their numbers: one channel that stays dead is one piece of news.
    news: `${refusedSince === null ? 'away' : 'refuses'}${givenUp > 0 ? ' given-up' : ''}`,
  }
}

/**
 * What whoever takes the duty over has to know of channels that took nothing when they were told last, by whichever watcher: until one is tried
 * again nobody can say that it does.
 */
export function inheritedTroubles(
  open: readonly OpenIncident[],
  { troubles }: Pick<DeliveryState, 'troubles'>,
  channels: readonly { readonly name: string }[],
): ChannelTrouble[] {
  return open.flatMap(({ rule, facts, openedAt, news }) => {
    const channel = String(facts.channel)
    const isKnown = troubles.some((one) => one.channel === channel)
    if (rule !== 'undelivered' || isKnown || !channels.some(({ name }) => name === channel)) return []
    const since = String(facts.since ?? openedAt)
    const isRefusing = news?.split(' ').includes('refuses')
    const { why = facts.firstCause ?? '', givenUp = 0 } = facts
    return [{ channel, since, refusedSince: isRefusing ? since : null, why: String(why), givenUp: Number(givenUp) }]
  })
}
