import { isMillcourseError } from '../../core/errors.js'
import { redactSecrets } from '../../core/measure/index.js'
import type { CliContext, Report } from '../context.js'
import type { Check, Finding } from '../doctor/check.js'
import { machineChecks } from '../doctor/check-machine.js'
import { stackChecks } from '../doctor/check-stack.js'

/** Looks at every part, tells what is wrong and what to do; fails when something is wrong. */
export async function doctor(context: CliContext): Promise<Report> {
  const findings: Finding[] = []
  for (const check of [...machineChecks(context), ...stackChecks(context)]) {
    context.progress.update(`looking at ${check.part}`)
    findings.push(withoutEcho(await examine(check), findings))
  }
  const wrong = findings.filter(({ state }) => state === 'wrong')
  return {
    outcome: wrong.length === 0 ? 'done' : 'failed',
    data: { isHealthy: wrong.length === 0, findings },
    text: findings.map(findingText).join('\n'),
  }
}

/** Several checks ask one part: what keeps it from answering is said once. */
function withoutEcho(finding: Finding, before: readonly Finding[]): Finding {
  const same = before.find(({ state, found }) => state === 'wrong' && found === finding.found)
  if (!same || finding.state !== 'wrong') return finding
  return { part: finding.part, state: 'absent', found: `cannot be told: see ${same.part}`, advice: null }
}

async function examine({ part, look }: Check): Promise<Finding> {
  try {
    const found = await look()
    return typeof found === 'string' ? { part, state: 'ok', found, advice: null } : { part, ...found }
  } catch (error) {
    const known = isMillcourseError(error) ? error : null
    const isStackDown = known?.code === 'STACK_NOT_RUNNING'
    const found = known ? (isStackDown ? known.message : `${known.code}: ${known.message}`) : String(error)
    const advice = known?.detail.hint ?? null
    return { part, state: isStackDown ? 'absent' : 'wrong', found: redactSecrets(found), advice }
  }
}

function findingText({ part, state, found, advice }: Finding): string {
  const mark = { ok: 'ok   ', absent: '-    ', wrong: 'WRONG' }[state]
  return `${mark}  ${part.padEnd(13)}  ${found}${advice === null ? '' : `\n       ${''.padEnd(13)}  -> ${advice}`}`
}
