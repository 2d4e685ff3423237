/**
 * How many incidents are open, as a line of the watcher's log: for whoever alarms by logs and not by Prometheus. An alarm on the lines of
 * single incidents would be over while they are still open; and silence tells that nobody watches.
 */
import type { Log } from '../activities/activity-deps.js'
import { type Incident, type IncidentRule, incidentRules } from '../core/watch/index.js'

/** Said so often although nothing changes: alarms ask for a number every few minutes. */
const everyMs = 60_000

const none = Object.fromEntries(incidentRules.map((rule) => [rule, 0])) as Readonly<Record<IncidentRule, number>>

/** Called after each look; `monotonicMs` is when. */
export function sayOpenIncidents(log: Log): (open: readonly Incident[], monotonicMs: number) => void {
  let said = { text: '', atMs: 0 }
  return (open, monotonicMs) => {
    const byRule = { ...none }
    for (const { rule } of open) byRule[rule] += 1
    const critical = open.filter(({ severity }) => severity === 'critical').length
    const openIncidents = { ...byRule, critical, warning: open.length - critical }
    const text = JSON.stringify(openIncidents)
    if (text === said.text && monotonicMs - said.atMs < everyMs) return
    said = { text, atMs: monotonicMs }
    log.info({ openIncidents }, `${open.length} incident(s) open`)
  }
}
