/**
 * The log of a process: one JSON object a line on stdout, with `time`, `level`, `msg` and `process`; while a step is under way also
 * `step`, `attempt`, `workflow`, `run`, `view`, `version`, `interval`, `trace_id`. An error is `error` with `code`, `message`, `hint`
 * and `facts`; what Temporal's SDK says has names of its own (temporal-log.ts). Credentials are hidden in the finished line, whatever it was made of.
 */
import pino, { type DestinationStream, type Logger } from 'pino'
import { isMillcourseError } from '../core/errors.js'
import { redactSecrets } from '../core/measure/index.js'
import type { Config } from './config.js'
import { currentStep } from './step-facts.js'

export function createProcessLog(
  process: 'worker' | 'watcher' | 'server',
  level: Config['logLevel'],
  destination?: DestinationStream,
): Logger {
  const options = {
    level,
    base: { process },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    mixin: () => ({ ...currentStep.getStore() }),
    serializers: { error: errorFacts },
    hooks: { streamWrite: redactSecrets },
  }
  return destination ? pino(options, destination) : pino(options)
}

const causesMax = 4

/** A stack only where the error is none of ours: then nobody foresaw it, and somebody has to find it. */
function errorFacts(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error
  const cause = error.cause === undefined || depth >= causesMax ? {} : { cause: errorFacts(error.cause, depth + 1) }
  if (isMillcourseError(error)) {
    const { hint, facts } = error.detail
    return { code: error.code, message: error.message, hint: hint ?? null, facts: facts ?? {}, ...cause }
  }
  return { name: error.name, message: error.message, ...(depth === 0 ? { stack: error.stack } : {}), ...cause }
}
