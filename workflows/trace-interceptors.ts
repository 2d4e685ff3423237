/**
 * One trace from a tick to the last item written: each workflow hands its own place in the trace to the activities and children it
 * schedules, in the header that Temporal's own OpenTelemetry interceptors use. Ids follow from the run id, so that a replay says the
 * same ones, nothing is drawn from the workflow's random numbers, and the trace of a tick can be found by its run id in Temporal.
 * The span itself is made outside of the sandbox, once, when the workflow ends (workers/telemetry-interceptors.ts).
 */
import { defaultPayloadConverter, type Headers } from '@temporalio/common'
import {
  ApplicationFailure,
  proxySinks,
  type Sinks,
  type WorkflowInterceptors,
  workflowInfo,
} from '@temporalio/workflow'

/** `{ traceparent: '00-…' }`, as JSON; workers/telemetry-interceptors.ts reads it. */
const traceHeader = '_tracer-data'

export interface TraceSinks extends Sinks {
  readonly trace: { workflowEnded(end: WorkflowEnd): void }
}

export interface WorkflowEnd {
  readonly traceparent: string
  /** Of the workflow that started this one; null: a trace of its own. */
  readonly parent: string | null
  /** The workflow's input. */
  readonly input: unknown
  readonly error: { readonly code: string; readonly message: string } | null
}

const { trace } = proxySinks<TraceSinks>()

export function interceptors(): WorkflowInterceptors {
  let traceparent = ''
  const withTrace = <Input extends { readonly headers: Headers }>(input: Input): Input => ({
    ...input,
    headers: { ...input.headers, [traceHeader]: defaultPayloadConverter.toPayload({ traceparent }) },
  })
  return {
    inbound: [
      {
        async execute(input, next) {
          const parent = parentOf(input.headers)
          traceparent = ownTraceparent(workflowInfo().runId, parent)
          const end = { traceparent, parent, input: input.args[0] ?? null }
          try {
            const result = await next(input)
            trace.workflowEnded({ ...end, error: null })
            return result
          } catch (error) {
            trace.workflowEnded({ ...end, error: facts(error) })
            throw error
          }
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => next(withTrace(input)),
        startChildWorkflowExecution: (input, next) => next(withTrace(input)),
      },
    ],
  }
}

/** A run id is a UUID: 32 hex digits, as many as a trace id has; its random half is as long as a span id. */
function ownTraceparent(runId: string, parent: string | null): string {
  const hex = runId.replaceAll('-', '')
  const [, traceId = hex, , flags = '01'] = parent?.split('-') ?? []
  return `00-${traceId}-${hex.slice(-16)}-${flags}`
}

function parentOf(headers: Headers): string | null {
  const payload = headers[traceHeader]
  if (!payload) return null
  const { traceparent } = defaultPayloadConverter.fromPayload<{ readonly traceparent?: string }>(payload)
  return typeof traceparent === 'string' && /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(traceparent)
    ? traceparent
    : null
}

function facts(error: unknown): WorkflowEnd['error'] {
  if (!(error instanceof Error)) return { code: 'unknown', message: String(error) }
  return { code: (error instanceof ApplicationFailure && error.type) || error.name, message: error.message }
}
