/** Several drills on one stack, each in a world of its own, and a report of each. */
import { readStackMark } from '../adapters/postgres/stack-mark.js'
import { readConfig } from '../workers/config.js'
import { findDrills } from './all-drills.js'
import type { DrillReport } from './report/drill-report.js'
import { writeReport } from './report/write-reports.js'
import { runDrill } from './run-drill.js'
import type { DrillStack } from './stack/drill-stack.js'
import { startEmbeddedStack } from './stack/embedded-stack.js'
import { refuseProduction } from './stack/refuse-production.js'
import { openStagingStack } from './stack/staging-stack.js'
import { paceOf } from './world/pace.js'

export interface DrillsPlan {
  readonly names: readonly string[] | 'all'
  readonly isStaging: boolean
  /** `alone`: with the alarm cut; `before`: before each drill the same with its alarm cut. */
  readonly canary: 'none' | 'alone' | 'before'
  /** So many side by side. */
  readonly atOnce: number
  /** Length of an interval. */
  readonly everyMs: number
  readonly reportDir: string
  readonly environment: NodeJS.ProcessEnv
  readonly signal: AbortSignal
  onStep(text: string): void
  onReport(report: DrillReport): void
}

export interface ReportedDrill {
  readonly report: DrillReport
  /** Without the ending: `.md` and `.json`. */
  readonly path: string
}

/** @throws MillcourseError DRILL_ON_PRODUCTION, USAGE, STACK_START_FAILED */
export async function runDrills(plan: DrillsPlan): Promise<ReportedDrill[]> {
  const drills = await findDrills(plan.names)
  const stack = await openStack(plan)
  const done: ReportedDrill[] = []
  const queue = [...drills]
  const work = async () => {
    const pace = paceOf(plan.everyMs)
    for (let next = queue.shift(); next && !plan.signal.aborted; next = queue.shift()) {
      const { canary, signal, onStep } = plan
      for (const report of await runDrill(next, stack, { canary, pace, signal, onStep })) {
        done.push({ report, path: await writeReport(plan.reportDir, report) })
        plan.onReport(report)
      }
    }
  }
  try {
    await Promise.all(Array.from({ length: plan.atOnce }, work))
    return done
  } finally {
    await stack.stop()
  }
}

async function openStack({ isStaging, environment, onStep }: DrillsPlan): Promise<DrillStack> {
  const mark = environment.MILLCOURSE_ENVIRONMENT || null
  if (!isStaging) {
    refuseProduction({ environment: mark, database: null }, 'embedded')
    return startEmbeddedStack(onStep)
  }
  const config = readConfig(environment)
  refuseProduction({ environment: config.environment, database: await readStackMark(config.postgresUrl) }, 'staging')
  return openStagingStack(config, environment)
}
