/** How a worker's steps and workflows get into metrics, traces and log lines, whatever they do inside. */
import {
  ApplicationFailure,
  ApplicationFailureCategory,
  defaultPayloadConverter,
  type Headers,
} from '@temporalio/common'
import type { ActivityExecuteInput, ActivityInterceptorsFactory, InjectedSinks } from '@temporalio/worker'
import type { ProcessTelemetry } from '../adapters/telemetry/process-telemetry.js'
import { noTelemetry } from '../core/ports/telemetry.js'
import type { TraceSinks } from '../workflows/trace-interceptors.js'
import { currentStep, namesIn, rememberStep, type StepFacts, spanAttributes, stepName } from './step-facts.js'

/** As workflows/trace-interceptors.ts writes it; Temporal's own OpenTelemetry interceptors call it so, too. */
const traceHeader = '_tracer-data'

type ActivityInfo = Parameters<ActivityInterceptorsFactory>[0]['info']

export type StepTelemetry = Pick<ProcessTelemetry, 'count' | 'observe' | 'span' | 'continueTrace' | 'recordWorkflow'>

/** For a worker that nobody measures. */
export const noStepTelemetry: StepTelemetry = {
  ...noTelemetry,
  continueTrace: (_traceparent, work) => work(),
  recordWorkflow: () => {},
}

/** Around each attempt of each activity: its facts for the log, its span, its time, its failure. */
export function stepInterceptors(telemetry: StepTelemetry): ActivityInterceptorsFactory[] {
  return [
    ({ info }) => ({
      inbound: {
        execute: (input, next) => {
          const traceparent = traceparentIn(input.headers)
          const facts = factsOf(info, input, traceparent)
          rememberStep(info.workflowExecution?.runId ?? '', facts)
          return currentStep.run(facts, () =>
            telemetry.continueTrace(traceparent, () => timed(telemetry, facts, () => next(input))),
          )
        },
      },
    }),
  ]
}

async function timed(telemetry: StepTelemetry, facts: StepFacts, work: () => Promise<unknown>): Promise<unknown> {
  const { step, view = '' } = facts
  const startedMs = performance.now()
  try {
    return await telemetry.span(`step ${step}`, spanAttributes(facts), work)
  } catch (error) {
    // A step that was told to stop has not failed: it starts again elsewhere; nor has one that waits for its turn.
    if (error instanceof ApplicationFailure && error.category !== ApplicationFailureCategory.BENIGN) {
      const retried = String(error.nonRetryable !== true)
      telemetry.count('millcourse_step_failures_total', { step, code: error.type ?? 'unknown', retried })
    }
    throw error
  } finally {
    telemetry.observe('millcourse_step_duration_seconds', { view, step }, (performance.now() - startedMs) / 1_000)
  }
}

function factsOf(info: ActivityInfo, input: ActivityExecuteInput, traceparent: string | null): StepFacts {
  const step = stepName(info.activityType)
  const names = namesIn(input.args[0])
  const runId = info.workflowExecution?.runId
  // Until a run is planned its input does not say its id, which is the workflow's.
  const isOfRun = names.interval !== undefined && names.run === undefined && runId !== undefined
  return {
    step,
    attempt: info.attempt,
    workflow: info.workflowExecution?.workflowId ?? '',
    ...names,
    ...(isOfRun ? { run: runId } : {}),
    ...(traceparent === null ? {} : { trace_id: traceparent.split('-')[1]! }),
  }
}

/** A workflow's span, made when it has ended; the sandbox has neither a clock nor a network. */
export function traceSinks(telemetry: StepTelemetry): InjectedSinks<TraceSinks> {
  return {
    trace: {
      workflowEnded: {
        fn: ({ workflowType, workflowId, runId, startTime }, { traceparent, parent, input, error }) =>
          telemetry.recordWorkflow({
            name: `workflow ${workflowType}`,
            traceparent,
            parent,
            startedAtMs: startTime.getTime(),
            attributes: {
              ...spanAttributes(namesIn(input)),
              'temporal.workflow.id': workflowId,
              'temporal.run.id': runId,
            },
            error,
          }),
        callDuringReplay: false,
      },
    },
  }
}

function traceparentIn(headers: Headers): string | null {
  const payload = headers[traceHeader]
  if (!payload) return null
  const { traceparent } = defaultPayloadConverter.fromPayload<{ readonly traceparent?: unknown }>(payload)
  return typeof traceparent === 'string' ? traceparent : null
}
