/** Temporal's errors become ours. */
import { isGrpcDeadlineError, isGrpcServiceError, ServiceError, WorkflowFailedError } from '@temporalio/client'
import { ApplicationFailure, NamespaceNotFoundError } from '@temporalio/common'
import { isErrorCode, isMillcourseError, MillcourseError } from '../../core/errors.js'
import { handshakeFault } from './handshake-faults.js'

/** gRPC: the call was understood and refused, and no other time will help. */
const refused: Readonly<Record<number, string>> = { 7: 'it denies access', 16: 'it does not know these credentials' }

/**
 * The failure of a workflow is the failure of its step, with code, hint and facts as the step raised them; all else that
 * the server or the way to it says is TEMPORAL_UNREACHABLE or CONFIG_INVALID, with the address.
 */
export function fromTemporalError(error: unknown, target: { address: string; namespace: string }): MillcourseError {
  if (isMillcourseError(error)) return error
  if (error instanceof WorkflowFailedError) return fromWorkflowFailure(error)
  const grpc = findGrpcError(error)
  const facts = { address: target.address, namespace: target.namespace }
  if (grpc && grpc.code in refused)
    return new MillcourseError('CONFIG_INVALID', `Temporal at ${target.address} refused: ${refused[grpc.code]}`, {
      cause: error,
      hint: 'check TEMPORAL_NAMESPACE, TEMPORAL_API_KEY and the TEMPORAL_TLS_… files',
      facts,
    })
  if (
    error instanceof NamespaceNotFoundError ||
    (grpc?.code === notFound && /\bNamespace \S+ (?:is )?not found/i.test(grpc.details))
  )
    return new MillcourseError(
      'CONFIG_INVALID',
      `Temporal at ${target.address} has no namespace "${target.namespace}"`,
      {
        cause: error,
        hint: 'check TEMPORAL_NAMESPACE, or create it: temporal operator namespace create',
        facts,
      },
    )
  const fault = grpc && isUnavailable(grpc) ? handshakeFault(grpc.details) : null
  if (fault)
    return new MillcourseError('CONFIG_INVALID', `no TLS with Temporal at ${target.address}: ${fault.what}`, {
      cause: error,
      hint: fault.hint,
      facts,
    })
  if (grpc || error instanceof ServiceError || isGrpcDeadlineError(error)) {
    const { what, hint } = outageOf(grpc)
    return new MillcourseError('TEMPORAL_UNREACHABLE', `Temporal at ${target.address} ${what}`, {
      cause: error,
      hint,
      facts,
    })
  }
  return new MillcourseError('INTERNAL', error instanceof Error ? error.message : String(error), { cause: error })
}

const lookAtServer = 'see the log of the server, and of what lies between (proxy, load balancer)'

/** By gRPC's code. */
const outages: Readonly<Record<number, { readonly what: string; readonly hint: string }>> = {
  2: { what: 'fails', hint: lookAtServer },
  4: {
    what: 'does not answer in time',
    hint: 'see the network between (firewall, routes), then the load of the server',
  },
  8: { what: 'throttles', hint: "try again later; when it lasts, have the namespace's limits raised" },
  13: { what: 'fails', hint: lookAtServer },
  14: {
    what: 'does not answer',
    hint: 'is the server up, and is TEMPORAL_ADDRESS right? locally: millcourse dev',
  },
}

const nameless = {
  what: 'cannot be found',
  hint: 'correct the host in TEMPORAL_ADDRESS, or see the name service (DNS) of this machine',
}

function outageOf(grpc: GrpcError | null): (typeof outages)[number] {
  if (grpc && /name resolution failed|failed to lookup address/i.test(grpc.details)) return nameless
  return outages[grpc?.code ?? unavailable] ?? outages[unavailable]!
}

function fromWorkflowFailure(error: WorkflowFailedError): MillcourseError {
  for (let cause: unknown = error.cause; cause instanceof Error; cause = cause.cause) {
    if (!(cause instanceof ApplicationFailure) || !cause.type || !isErrorCode(cause.type)) continue
    // As written by activities/failure.ts.
    const [facts, hint] = (cause.details ?? []) as [Record<string, string | number>?, (string | null)?]
    // Only what lies below the step: that a workflow and its activity failed with it is no cause.
    return new MillcourseError(cause.type, cause.message, {
      ...(cause.cause ? { cause: cause.cause } : {}),
      ...(facts ? { facts } : {}),
      ...(hint ? { hint } : {}),
    })
  }
  const deepest = error.cause?.message ?? error.message
  return new MillcourseError('RUN_STEP_TIMED_OUT', `the workflow did not finish: ${deepest}`, {
    cause: error,
    hint: 'check that a worker runs (`millcourse doctor`), then try again',
  })
}

interface GrpcError {
  readonly code: number
  readonly details: string
}

const [unknown, notFound, unavailable] = [2, 5, 14]

function isUnavailable({ code }: GrpcError): boolean {
  return code === unavailable || code === unknown
}

/** A worker's calls fail with the same codes as a client's; only its connecting fails with a sentence (TransportError). */
function findGrpcError(error: unknown): GrpcError | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    // Of a worker's call the message is all there is: its details are bytes, or empty.
    if (isGrpcServiceError(cause)) return { code: cause.code, details: wordsOf(cause.details) ?? cause.message }
    if (cause.name === 'TransportError') return { code: connectingCode(cause.message), details: cause.message }
    if ('code' in cause && typeof cause.code === 'number') return { code: cause.code, details: cause.message }
  }
  return null
}

function wordsOf(details: unknown): string | null {
  return typeof details === 'string' && details !== '' ? details : null
}

function connectingCode(message: string): number {
  if (message.includes('does not have valid authentication credentials')) return 16
  return message.includes('does not have permission') ? 7 : unavailable
}
