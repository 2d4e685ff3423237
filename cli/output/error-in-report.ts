/** An error that does not end the command: beside what was done all the same, in full, as a person and as `--json` have it. */
import type { MillcourseError } from '../../core/errors.js'
import { redactSecrets } from '../../core/measure/index.js'
import { errorJson, errorText } from './error-text.js'

export interface ErrorInReport {
  readonly text: string
  readonly json: object
}

/** Cleaned here: else only what a command ends with is cleaned, on its way out. */
export function errorInReport(error: MillcourseError): ErrorInReport {
  return {
    text: redactSecrets(errorText(error)),
    json: JSON.parse(redactSecrets(JSON.stringify(errorJson(error)))).error,
  }
}
