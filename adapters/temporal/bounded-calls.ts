/** A call to Temporal ends, whatever the server does: it is tried for some seconds, and given up on a server that says nothing. */
import { type ConnectionOptions, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client'

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number]

/** About 3 seconds: a restart of the server is outlived, a person is not kept waiting. Throttled, pauses are longer: about 10 seconds. */
const attemptsMax = 6
const throttledAttemptsMax = 4
/** RESOURCE_EXHAUSTED of gRPC. */
const throttled = 8

/** The SDK sets no limit of its own, and would wait for ever for a server that takes connections and says nothing. */
const answerWithinMs = 10_000
/** The server itself holds back its answer to who waits for a workflow's end, for 20 seconds. */
const longPoll = /\/GetWorkflowExecutionHistory$/
const longPollWithinMs = 40_000

const retry = defaultGrpcRetryOptions({ maxAttempts: attemptsMax })

const withDeadline: Interceptor = (options, nextCall) => {
  const withinMs = longPoll.test(options.method_definition.path) ? longPollWithinMs : answerWithinMs
  // What comes next is a call already: nothing of it is changed on its way.
  return nextCall({ ...options, deadline: options.deadline ?? Date.now() + withinMs }) as ReturnType<Interceptor>
}

/** Each attempt has its own deadline. */
export const boundedCalls: Interceptor[] = [
  makeGrpcRetryInterceptor({
    ...retry,
    retryableDecider: (attempt, status) =>
      (status.code !== throttled || attempt < throttledAttemptsMax) && retry.retryableDecider(attempt, status),
  }),
  withDeadline,
]
