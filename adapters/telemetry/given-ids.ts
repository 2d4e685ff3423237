import { type IdGenerator, RandomIdGenerator } from '@opentelemetry/sdk-trace-base'

/** Ids at random, but for a span whose ids were fixed elsewhere: a workflow's, which every replay has to call the same. */
export class GivenIds implements IdGenerator {
  readonly #random = new RandomIdGenerator()
  #given: { readonly traceId: string; readonly spanId: string } | null = null

  /** @param start starts one span, at once */
  with<T>(ids: { readonly traceId: string; readonly spanId: string }, start: () => T): T {
    this.#given = ids
    try {
      return start()
    } finally {
      this.#given = null
    }
  }

  readonly generateTraceId = (): string => this.#given?.traceId ?? this.#random.generateTraceId()
  readonly generateSpanId = (): string => this.#given?.spanId ?? this.#random.generateSpanId()
}
