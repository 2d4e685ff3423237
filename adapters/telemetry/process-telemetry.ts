/** The port Telemetry of one process: metrics that Prometheus scrapes, spans that a collector is sent where one is named. */
import type { ProcessName } from '../../core/measure/index.js'
import type { Telemetry } from '../../core/ports/telemetry.js'
import { readProcess } from './process-readings.js'
import { createScrapedMetrics, type ScrapedMetrics } from './scraped-metrics.js'
import { createTraces, noTraces, type Traces } from './traces.js'

export interface ProcessTelemetryOptions {
  readonly process: ProcessName
  readonly project: string
  readonly release: string
  /** Tells this process from its kin. */
  readonly instance: string
  /** Whether a collector is named; where it is, the SDK reads from the standard variables itself. */
  readonly isTracing: boolean
  readonly onTraceFailure: (error: unknown) => void
}

export interface ProcessTelemetry
  extends Telemetry,
    Pick<ScrapedMetrics, 'scrape' | 'beforeScrape'>,
    Pick<Traces, 'continueTrace' | 'recordWorkflow'> {
  close(): Promise<void>
}

/** A collector that does not answer must not keep a process from ending. */
const closeWaitMs = 3_000

export function createProcessTelemetry(options: ProcessTelemetryOptions): ProcessTelemetry {
  const metrics = createScrapedMetrics(options.process, options.project)
  const stopReading = readProcess(metrics, options.process, options.release)
  const traces = options.isTracing
    ? createTraces({
        resource: {
          'service.name': `millcourse-${options.process}`,
          'service.namespace': options.project,
          'service.version': options.release,
          'service.instance.id': options.instance,
        },
        onFailure: options.onTraceFailure,
      })
    : noTraces
  return {
    ...metrics,
    span: traces.span,
    continueTrace: traces.continueTrace,
    recordWorkflow: traces.recordWorkflow,
    close: async () => {
      stopReading()
      await traces.close(closeWaitMs)
    },
  }
}
