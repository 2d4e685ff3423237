/** Spans by OpenTelemetry, sent by OTLP over HTTP. Where nobody collects them, work is just done. */
import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Attributes,
  type Context,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base'
import { redactSecrets } from '../../core/measure/index.js'
import type { SpanAttributes, Telemetry } from '../../core/ports/telemetry.js'
import { GivenIds } from './given-ids.js'
import { parseTraceparent } from './traceparent.js'

export interface TraceOptions {
  /** Attributes of the resource; what OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME say goes before. */
  readonly resource: Attributes
  /** Told when the collector did not take spans. */
  readonly onFailure: (error: unknown) => void
}

/** A workflow's span is known when it ends; its ids follow from its run id, so that its children could name it before. */
export interface EndedWorkflow {
  readonly name: string
  readonly attributes: SpanAttributes
  readonly traceparent: string
  readonly parent: string | null
  readonly startedAtMs: number
  readonly error: { readonly code: string; readonly message: string } | null
}

export interface Traces extends Pick<Telemetry, 'span'> {
  /** Work below a span of another process; null: a trace of its own. */
  continueTrace<T>(traceparent: string | null, work: () => Promise<T>): Promise<T>
  recordWorkflow(workflow: EndedWorkflow): void
  /** Sends what is left, for so long at most. */
  close(waitMs: number): Promise<void>
}

export const noTraces: Traces = {
  span: (_name, _attributes, work) => work({ set: () => {} }),
  continueTrace: (_traceparent, work) => work(),
  recordWorkflow: () => {},
  close: async () => {},
}

/** Endpoint, headers, timeouts, batches and sampling: by the standard variables OTEL_… that the SDK reads itself. */
export function createTraces({ resource, onFailure }: TraceOptions): Traces {
  const ids = new GivenIds()
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes(resource).merge(detectResources({ detectors: [envDetector] })),
    idGenerator: ids,
    spanProcessors: [new BatchSpanProcessor(new ToldExporter(new OTLPTraceExporter(), onFailure))],
  })
  const tracer = provider.getTracer('millcourse')
  const current = new AsyncLocalStorage<Context>()
  return {
    async span(name, attributes, work) {
      const parent = current.getStore()
      // Outside of a step, as in a watcher's look, a span would be a trace of nothing else.
      if (parent === undefined) return work({ set: () => {} })
      const kind = 'db.system.name' in attributes ? SpanKind.CLIENT : SpanKind.INTERNAL
      const span = tracer.startSpan(name, { kind, attributes }, parent)
      try {
        return await current.run(trace.setSpan(parent, span), () => work({ set: (more) => span.setAttributes(more) }))
      } catch (error) {
        fail(span, codeOf(error), error instanceof Error ? error.message : String(error))
        throw error
      } finally {
        span.end()
      }
    },
    continueTrace(traceparent, work) {
      const parent = parseTraceparent(traceparent)
      return parent === null ? work() : current.run(trace.setSpanContext(ROOT_CONTEXT, parent), work)
    },
    recordWorkflow({ name, attributes, traceparent, parent, startedAtMs, error }) {
      const own = parseTraceparent(traceparent)
      if (own === null) return
      const above = parseTraceparent(parent)
      const context = above === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, above)
      const span = ids.with(own, () => tracer.startSpan(name, { startTime: startedAtMs, attributes }, context))
      if (error) fail(span, error.code, error.message)
      span.end()
    },
    async close(waitMs) {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, waitMs)
      })
      await Promise.race([provider.shutdown().catch(onFailure), late])
      clearTimeout(timer)
    },
  }
}

function fail(span: OtelSpan, code: string, message: string): void {
  span.setAttribute('error.type', code)
  span.setStatus({ code: SpanStatusCode.ERROR, message: redactSecrets(message) })
}

/** Our errors say `code`, Temporal's failures carry the same as `type`. */
function codeOf(error: unknown): string {
  const { code, type, name } = (error ?? {}) as { code?: unknown; type?: unknown; name?: unknown }
  return [code, type, name].find((word): word is string => typeof word === 'string' && word !== '') ?? 'unknown'
}

/** The SDK swallows a failed export. */
class ToldExporter implements SpanExporter {
  constructor(
    private readonly exporter: SpanExporter,
    private readonly onFailure: (error: unknown) => void,
  ) {}
  export(spans: ReadableSpan[], done: Parameters<SpanExporter['export']>[1]): void {
    this.exporter.export(spans, (result) => {
      // 0 is success; OpenTelemetry's enum for it lies in a package that is none of ours.
      if (result.code !== 0) this.onFailure(result.error)
      done(result)
    })
  }
  shutdown(): Promise<void> {
    return this.exporter.shutdown()
  }
  async forceFlush(): Promise<void> {
    await this.exporter.forceFlush?.()
  }
}
