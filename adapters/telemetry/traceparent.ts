/** W3C trace context, version 00: `00-<32 hex>-<16 hex>-<2 hex>`. */
import { type SpanContext, TraceFlags } from '@opentelemetry/api'

const shape = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/

/** Null: absent, or not of this shape: the work starts a trace of its own. */
export function parseTraceparent(text: string | null): SpanContext | null {
  const [, traceId, spanId, flags] = shape.exec(text ?? '') ?? []
  if (!traceId || !spanId || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return null
  return { traceId, spanId, traceFlags: Number.parseInt(flags!, 16) & TraceFlags.SAMPLED, isRemote: true }
}
