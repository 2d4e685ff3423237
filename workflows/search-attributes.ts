/** What Temporal's lists are searched by: set where a workflow starts, and its outcome at its end. Only with labels (SearchLabels). */
import { defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common'
import { isCancellation, upsertSearchAttributes } from '@temporalio/workflow'
import type { SearchLabels } from '../core/ports/run-control.js'

const keys = {
  view: defineSearchAttributeKey('MillcourseView', 'KEYWORD'),
  interval: defineSearchAttributeKey('MillcourseInterval', 'DATETIME'),
  kind: defineSearchAttributeKey('MillcourseKind', 'KEYWORD'),
  outcome: defineSearchAttributeKey('MillcourseOutcome', 'KEYWORD'),
  owner: defineSearchAttributeKey('MillcourseOwner', 'KEYWORD'),
}

export interface SearchFacts {
  /** The start of the run's interval. */
  readonly start?: string
  readonly kind?: string
  readonly outcome?: string
}

export function searchPairs(labels: SearchLabels, { start, kind, outcome }: SearchFacts): SearchAttributePair[] {
  return [
    { key: keys.view, value: labels.view },
    ...(labels.owner === null ? [] : [{ key: keys.owner, value: labels.owner }]),
    ...(start === undefined ? [] : [{ key: keys.interval, value: new Date(start) }]),
    ...(kind === undefined ? [] : [{ key: keys.kind, value: kind }]),
    ...(outcome === undefined ? [] : [{ key: keys.outcome, value: outcome }]),
  ]
}

/** All that is known, because who started the workflow may have known less. */
export function noteEnd(labels: SearchLabels | undefined, facts: SearchFacts): void {
  if (labels) upsertSearchAttributes(searchPairs(labels, facts))
}

export async function notingEnd<Result>(
  labels: SearchLabels | undefined,
  facts: SearchFacts,
  work: () => Promise<Result>,
  outcomeOf: (result: Result) => string,
): Promise<Result> {
  try {
    const result = await work()
    noteEnd(labels, { ...facts, outcome: outcomeOf(result) })
    return result
  } catch (error) {
    noteEnd(labels, { ...facts, outcome: isCancellation(error) ? 'cancelled' : 'failed' })
    throw error
  }
}
