/** Drills break things: never where people are served. */
import { MillcourseError } from '../../core/errors.js'

export interface StackMarks {
  /** `MILLCOURSE_ENVIRONMENT` of whoever asks. */
  readonly environment: string | null
  /** What the stack's database says of itself; null: nothing, or an embedded one. */
  readonly database: string | null
}

/** @throws MillcourseError DRILL_ON_PRODUCTION */
export function refuseProduction({ environment, database }: StackMarks, kind: 'embedded' | 'staging'): void {
  const where = environment === 'production' ? 'MILLCOURSE_ENVIRONMENT' : 'the database’s millcourse.environment'
  if (environment === 'production' || database === 'production')
    throw new MillcourseError('DRILL_ON_PRODUCTION', `${where} says production: nothing is broken here`, {
      hint: 'run drills elsewhere; on a staging stack set MILLCOURSE_ENVIRONMENT=staging',
      facts: { marked: where },
    })
  if (kind === 'staging' && environment !== 'staging' && database !== 'staging')
    throw new MillcourseError('DRILL_ON_PRODUCTION', 'the stack is not marked as staging: nothing is broken here', {
      hint: "set MILLCOURSE_ENVIRONMENT=staging, or mark it for everybody: ALTER DATABASE d SET millcourse.environment = 'staging'; without --staging drills have a stack of their own",
    })
}
