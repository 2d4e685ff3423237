/** The table of metrics as OpenTelemetry's instruments, read when Prometheus asks. */
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { AggregationTemporality, InstrumentType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { type Metric, type MetricName, metrics, type NameOf, type ProcessName } from '../../core/measure/index.js'
import type { Telemetry } from '../../core/ports/telemetry.js'

/** OpenTelemetry folds series beyond its limit of 2,000 a metric into one; a project of 200 views with 20 features has 20,000 quantiles. */
const seriesMax = 50_000

class ScrapeReader extends MetricReader {
  constructor() {
    super({
      // A cumulative gauge keeps what was once shown: a retired view would be missing runs for ever.
      aggregationTemporalitySelector: (type) =>
        type === InstrumentType.OBSERVABLE_GAUGE ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE,
      cardinalitySelector: () => seriesMax,
    })
  }
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

type Labels = Readonly<Record<string, string>>
type Shown = readonly { readonly labels: Labels; readonly value: number }[]

export interface ScrapedMetrics extends Pick<Telemetry, 'count' | 'observe' | 'show'> {
  /** Called before each scrape: for what costs something to know. One that fails is left out. */
  beforeScrape(read: () => void | Promise<void>): void
  /** Prometheus's text format. */
  scrape(): Promise<string>
}

/** @param project on each series: one Prometheus may hold several */
export function createScrapedMetrics(process: ProcessName, project: string): ScrapedMetrics {
  const reader = new ScrapeReader()
  const provider = new MeterProvider({ readers: [reader], resource: resourceFromAttributes({ project }) })
  const meter = provider.getMeter('millcourse')
  const write = new Map<string, (value: number, labels: Labels) => void>()
  const shown = new Map<string, Shown>()
  for (const [name, { kind, help, from, buckets }] of Object.entries(metrics) as [MetricName, Metric][]) {
    if (!from.includes(process)) continue
    const options = { description: help }
    if (kind === 'counter') {
      const counter = meter.createCounter(name, options)
      write.set(name, (value, labels) => counter.add(value, labels))
    } else if (kind === 'histogram') {
      const advice = { explicitBucketBoundaries: [...(buckets ?? [])] }
      const histogram = meter.createHistogram(name, { ...options, advice })
      write.set(name, (value, labels) => histogram.record(value, labels))
    } else
      meter.createObservableGauge(name, options).addCallback((result) => {
        for (const { labels, value } of shown.get(name) ?? []) result.observe(value, labels)
      })
  }
  const readings: (() => void | Promise<void>)[] = []
  const serializer = new PrometheusSerializer('', false, /^project$/, true, true)
  return {
    count: (name, labels, by = 1) => write.get(name)?.(by, labels),
    observe: (name, labels, value) => write.get(name)?.(value, labels),
    show: (name: NameOf<'gauge'>, values: Shown) => shown.set(name, values),
    beforeScrape: (read) => readings.push(read),
    scrape: async () => {
      await Promise.allSettled(readings.map(async (read) => read()))
      const { resourceMetrics } = await reader.collect()
      return `${serializer.serialize(resourceMetrics)}\n`
    },
  }
}
