/** A report as Markdown: who reads it later wants to know what was done when, and what came of it. */
import type { DrillReport } from './drill-report.js'

export function reportText(report: DrillReport): string {
  const { alarm, expected } = report
  const head = [
    `# ${titleOf(report)}: ${report.outcome.replaceAll('-', ' ')}`,
    '',
    `${report.startedAt} to ${report.endedAt}, on ${report.stack === 'embedded' ? 'an embedded stack' : 'a staging stack'}.`,
  ]
  if (report.outcome === 'not-possible-here')
    return [
      ...head,
      '',
      `${report.notPossibleBecause}. Nothing was broken: whether the alarm \`${expected.alarm}\` would come is not known.`,
      ...section('What would be injected', [report.injects]),
      '',
    ].join('\n')
  return [
    ...head,
    ...(report.isCanary
      ? ['', `A canary: the alarm \`${expected.alarm}\` was cut, so that this drill has to fail.`]
      : []),
    '',
    `- **Injected** ${report.injectedAt ?? 'not at all'}: ${report.injects}`,
    alarm
      ? `- **Alarm** \`${expected.alarm}\` heard ${alarm.heardAt}, ${lateness(alarm.afterRuleMs)}: ${alarm.summary}`
      : `- **Alarm** \`${expected.alarm}\` not heard; it was due at ${expected.ruleAt ?? 'no time'} and waited for ${seconds(expected.withinMs)}${raisedText(report)}`,
    `- **Undone** ${report.undoneAt ?? 'not at all'}: ${report.undoneBy}`,
    `- **Resolved** ${report.resolvedAt ?? 'not heard'}`,
    ...section('What failed', report.failures),
    ...section(
      'Checks',
      report.checks.map(({ what, differences }) =>
        differences.length === 0
          ? `holds: ${what}`
          : `**does not hold**: ${what}${differences
              .slice(0, 20)
              .map((line) => `\n  - ${line}`)
              .join('')}`,
      ),
    ),
    ...section(
      'Told',
      report.told.map(({ at, event, key, summary }) => `${at} ${event} \`${key}\`: ${summary}`),
    ),
    ...section(
      'Timeline',
      report.timeline.map(({ at, what }) => `${at} ${what}`),
    ),
    '',
  ].join('\n')
}

/** One line for a list of several. */
export function reportLine(report: DrillReport): string {
  const { alarm, isCanary, outcome } = report
  if (outcome === 'not-possible-here') return `not possible here  ${titleOf(report)}: ${report.notPossibleBecause}`
  const heard = alarm ? `${report.expected.alarm} heard ${lateness(alarm.afterRuleMs)}` : 'no alarm'
  const why = report.failures.length === 0 ? '' : `; ${report.failures[0]}`
  const said = isCanary ? canaryText(report) : why
  return `${outcome === 'passed' ? 'passed' : 'FAILED'}  ${titleOf(report)}: ${heard}${said}`
}

function canaryText({ alarm, isDeafOnly, isRaised, failures, expected }: DrillReport): string {
  if (isDeafOnly) return isRaised ? ', though the watcher had raised it, as a canary has to' : ', as a canary has to'
  if (alarm) return ': THE CANARY IS WRONG: its alarm was cut and came all the same'
  if (isRaised === false && failures.length === 1)
    return `: THE CANARY IS WRONG: the watcher never raised ${expected.alarm}, so that nothing was cut`
  return `: THE CANARY IS WRONG: it failed of something else: ${failures.at(-1)}`
}

function titleOf({ drill, isCanary }: DrillReport): string {
  return `${drill}${isCanary ? ' (canary)' : ''}`
}

function raisedText({ isRaised }: DrillReport): string {
  if (isRaised === null) return ''
  return isRaised ? '; the watcher has it in its log' : '; the watcher has not raised it, either'
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', `## ${title}`, '', ...lines.map((line) => `- ${line}`)]
}

/** A rule's time is the latest one: an interval that ended just before the fault brings it earlier. */
function lateness(ms: number): string {
  return ms < 0 ? 'within its rule’s time' : `${seconds(ms)} after its rule’s time`
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}
