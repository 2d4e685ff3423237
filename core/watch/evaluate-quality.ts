/** What the last checks of quality found, as one incident per view and cause. The next check that does not find it any more resolves it. */
import type { Fault, FaultCause, QualityCheck } from '../quality/quality-check.js'
import { type CalendarEntry, viewLabel } from './calendar.js'
import type { IncidentDraft } from './incident.js'

const said: Readonly<Record<FaultCause, string>> = {
  'online-item': 'serves values that its committed state does not give',
  'committed-file': 'has committed files that do not hold what their source files give',
  'coarse-tile': 'has coarse tiles that are not the sum of their tiles',
  'published-state': 'has a cache of what is online that is not what is online',
  'published-from': 'may serve what was published from committed files while they held something else',
}

/** Versions that another took the place of are checked while they are online; what is checked no more has no check. */
export function evaluateQuality(calendar: readonly CalendarEntry[], checks: readonly QualityCheck[]): IncidentDraft[] {
  return checks.flatMap((check) => {
    const { view, version } = check
    const of = calendar.filter((entry) => entry.view === view)
    const applied = of.find((entry) => entry.version === version)
    const checked = { view, version, owner: of[0]?.owner ?? null, services: applied?.services ?? [] }
    const causes = [...new Set(check.faults.map(({ cause }) => cause))]
    return causes.map((cause) => draftOf(checked, check, cause))
  })
}

/** Whoever reads an alert reads no more. */
const newsMax = 50

type Checked = Pick<CalendarEntry, 'view' | 'version' | 'owner' | 'services'>

function draftOf(entry: Checked, check: QualityCheck, cause: FaultCause): IncidentDraft {
  const faults = check.faults.filter((fault) => fault.cause === cause)
  const [first] = faults
  const isRepairable = faults.some((fault) => fault.isRepairable)
  return {
    key: `quality/${viewLabel(entry)}/${cause}`,
    rule: 'quality',
    // What models read is wrong now; the others are wrong when they are next read.
    severity: cause === 'online-item' ? 'critical' : 'warning',
    ...{ view: entry.view, version: entry.version, owner: entry.owner },
    summary: `${viewLabel(entry)} ${said[cause]}: ${placeOf(first!)}${faults.length > 1 ? ` and ${faults.length - 1} more` : ''}`,
    nextStep: isRepairable
      ? `millcourse check-quality ${entry.view} --repair --reason "…"`
      : `millcourse check-quality ${entry.view} --last`,
    facts: { services: entry.services.join(', '), cause, faults: faults.length, checkedAt: check.checkedAt },
    news: faults
      // A key may hold a NUL, which no text of Postgres does.
      .map((fault) => placeOf(fault).replaceAll(' ', '_').replaceAll('\0', '_'))
      .sort()
      .slice(0, newsMax)
      .join(' '),
  }
}

function placeOf({ key, interval, file }: Fault): string {
  const keyText =
    key === null
      ? ''
      : Object.entries(key)
          .map(([name, value]) => `${name}=${value}`)
          .join(' ')
  return [keyText, interval === null ? '' : `in ${interval.start}`, key === null ? (file ?? 'its files') : '']
    .filter((part) => part !== '')
    .join(' ')
}
