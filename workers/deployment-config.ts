/** Worker versioning: which deployment this worker belongs to, for servers that route runs by it (docs/upgrading.md). */
import { z } from 'zod'
import { MillcourseError } from '../core/errors.js'

export const deploymentVariables = {
  MILLCOURSE_DEPLOYMENT: z.string().min(1).optional(),
  MILLCOURSE_BUILD_ID: z.string().min(1).optional(),
  MILLCOURSE_VERSIONING: z.enum(['auto-upgrade', 'pinned']).default('auto-upgrade'),
}

export interface DeploymentConfig {
  readonly name: string
  readonly buildId: string
  /** `pinned`: an open workflow ends on the build that it began on; else it moves on with the deployment. */
  readonly versioning: 'auto-upgrade' | 'pinned'
}

type DeploymentEnvironment = z.output<z.ZodObject<typeof deploymentVariables>>

/** Null: the worker is not versioned. @throws MillcourseError CONFIG_INVALID one of the two without the other */
export function toDeploymentConfig(env: DeploymentEnvironment): DeploymentConfig | null {
  const { MILLCOURSE_DEPLOYMENT: name, MILLCOURSE_BUILD_ID: buildId, MILLCOURSE_VERSIONING: versioning } = env
  if (name !== undefined && buildId !== undefined) return { name, buildId, versioning }
  if (name === undefined && buildId === undefined) return null
  const missing = name === undefined ? 'MILLCOURSE_DEPLOYMENT' : 'MILLCOURSE_BUILD_ID'
  throw new MillcourseError('CONFIG_INVALID', `${missing} is missing: a deployment and its build belong together`, {
    hint: 'set both MILLCOURSE_DEPLOYMENT and MILLCOURSE_BUILD_ID, or neither',
    facts: { variables: missing },
  })
}
