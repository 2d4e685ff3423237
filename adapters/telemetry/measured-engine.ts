import { redactSecrets } from '../../core/measure/index.js'
import type { Query, QueryEngine, QuerySession, SessionOptions } from '../../core/ports/query-engine.js'
import type { SpanAttributes, Telemetry } from '../../core/ports/telemetry.js'

/** The same engine; its sessions, waits and statements are told to `telemetry`. */
export function measuredEngine(engine: QueryEngine, telemetry: Telemetry): QueryEngine {
  return {
    close: () => engine.close(),
    describe: (needsS3) => engine.describe(needsS3),
    withSession<T>(work: (session: QuerySession) => Promise<T>, options?: SessionOptions): Promise<T> {
      const kind = options?.isLight ? 'light' : 'heavy'
      return telemetry.span(`duckdb session`, { ...system, 'millcourse.session': kind }, async (span) => {
        const askedMs = performance.now()
        let startedMs = askedMs
        const timed = async (session: QuerySession): Promise<T> => {
          startedMs = performance.now()
          const waitSeconds = (startedMs - askedMs) / 1_000
          if (kind === 'heavy') telemetry.observe('millcourse_engine_slot_wait_seconds', {}, waitSeconds)
          span.set({ 'millcourse.session.wait_seconds': waitSeconds })
          try {
            return await work(measuredSession(session, telemetry))
          } finally {
            if (kind === 'heavy') await showPeak(session, telemetry)
          }
        }
        try {
          return await engine.withSession(timed, options)
        } finally {
          const seconds = (performance.now() - startedMs) / 1_000
          telemetry.observe('millcourse_engine_session_seconds', { session: kind }, seconds)
        }
      })
    },
  }
}

const system = { 'db.system.name': 'duckdb' }
const textMax = 200

function measuredSession(session: QuerySession, telemetry: Telemetry): QuerySession {
  return {
    execute: (query, onProgress) =>
      telemetry.span(nameOf(query), facts(query), () => session.execute(query, onProgress)),
    all: (query) =>
      telemetry.span(nameOf(query), facts(query), async (span) => {
        const rows = await session.all(query)
        span.set({ 'db.response.returned_rows': rows.length })
        return rows
      }),
    // Whoever reads a stream does other work between its parts: a span of it would tell nothing of DuckDB.
    stream: (query) => session.stream(query),
    keepFile: (name, parts) => session.keepFile(name, parts),
    // What a person wrote may hold anything: its text is not told.
    keepQuery: (sql, to, onProgress) =>
      telemetry.span('duckdb kept query', system, () => session.keepQuery(sql, to, onProgress)),
    peakMemoryBytes: () => session.peakMemoryBytes(),
  }
}

async function showPeak(session: QuerySession, telemetry: Telemetry): Promise<void> {
  try {
    telemetry.show('millcourse_engine_peak_memory_bytes', [{ labels: {}, value: await session.peakMemoryBytes() }])
  } catch {
    // The session's own error is on its way.
  }
}

function nameOf({ sql }: Query): string {
  return `duckdb ${/^\s*(\w+)/.exec(sql)?.[1]?.toUpperCase() ?? 'statement'}`
}

/** The statement's beginning: its shape, not the data. */
function facts({ sql }: Query): SpanAttributes {
  const text = sql.slice(0, 4 * textMax).replaceAll(/\s+/g, ' ')
  return { ...system, 'db.query.summary': redactSecrets(text.trim().slice(0, textMax)) }
}
