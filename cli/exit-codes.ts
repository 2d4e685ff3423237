import { errorCodes, isMillcourseError } from '../core/errors.js'

/** 0 done, 1 failed without an error of its own (a check that found something), 2 partly; an error ends with its own code of 64 to 78. */
export const exitCodes = { done: 0, failed: 1, partly: 2, interrupted: 130 } as const

export function exitCodeOf(error: unknown): number {
  return isMillcourseError(error) ? error.policy.exit : errorCodes.INTERNAL.exit
}
