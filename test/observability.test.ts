/** Dashboard and alert rules against the table of metrics: a panel of a metric that nobody shows is worse than no panel. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SyntaxNode } from '@lezer/common'
import { parser } from '@prometheus-io/lezer-promql'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { type Metric, metrics } from '../core/measure/index.js'
import { readConfig } from '../workers/config.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const table: Readonly<Record<string, Metric>> = metrics

interface Target {
  readonly refId: string
  readonly expr: string
  readonly datasource: { readonly uid: string }
}
interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly datasource?: { readonly type: string; readonly uid: string }
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number }
  readonly targets?: readonly Target[]
}
interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly schemaVersion: number
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly definition?: string }[]
  }
  readonly panels: readonly Panel[]
}
interface Rule {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly command: string; readonly runbook: string }
}

const dashboard = JSON.parse(read('infra/observability/grafana-dashboard.json')) as Dashboard
const docs = read('docs/observability.md')
const { groups } = parse(read('infra/observability/alerts.yaml')) as {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[]
}
const rules = groups.flatMap((group) => group.rules)
const panels = dashboard.panels.filter(({ type }) => type !== 'row')
const expressions = [
  ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [`panel "${title}"`, expr] as const)),
  ...rules.map(({ alert, expr }) => [`alert ${alert}`, expr] as const),
]

describe('each expression', () => {
  test.each(expressions)('of %s parses, and asks only for metrics and labels that exist: %s', (_of, expr) => {
    expect(faultsOf(expr)).toEqual([])
  })

  test('is held to more than its spelling', () => {
    expect(faultsOf('sum(rate(millcourse_runs_total[5m])')).toContain('does not parse')
    expect(faultsOf('millcourse_runs_totals')).toContain('no metric millcourse_runs_totals')
    expect(faultsOf('millcourse_run_duration_seconds')).toContain('no metric millcourse_run_duration_seconds')
    expect(faultsOf('millcourse_runs_total{run="x"}')).toContain('no label run')
    expect(faultsOf('sum by (run) (millcourse_runs_total)')).toContain('no label run')
    expect(faultsOf('millcourse_runs_total > 1')).toContain('a counter without rate or increase: millcourse_runs_total')
  })
})

test('each metric of millcourse is on the dashboard', () => {
  const shown = new Set(expressions.flatMap(([, expr]) => metricsIn(expr)).map(baseName))
  const hidden = Object.keys(table).filter((name) => name.startsWith('millcourse_') && !shown.has(name))
  expect(hidden, 'draw it, alert on it, or do not measure it').toEqual([])
})

test('what counts requests of the server counts those for its routes: paths that are not there hide no failure', () => {
  const asking = expressions.flatMap(([of, expr]) =>
    [...expr.matchAll(/millcourse_http_requests_total(\{[^}]*\})?/g)].map(([, labels]) => [of, labels ?? '']),
  )
  expect(asking.length).toBeGreaterThanOrEqual(3)
  for (const [of, labels] of asking) expect(labels, of).toContain('route!="none"')
})

describe('projects that share a Prometheus', () => {
  test('are kept apart by each rule: what is added up or compared is so within a project', () => {
    for (const { alert, expr } of rules) {
      const groups = [...expr.matchAll(/\b(?:by|on|ignoring|without) ?\(([^)]*)\)/g)].map((match) => match[1]!)
      for (const labels of groups) expect(labels.split(', '), `${alert}: ${expr}`).toContain('project')
      expect(expr, alert).not.toMatch(/\b(sum|count|max|min|avg|group) ?\((?!\s*by)/)
    }
  })

  test('are chosen on the dashboard: every series that it asks for is of the project', () => {
    for (const { title, targets = [] } of panels)
      for (const { expr } of targets) {
        const chosen = [...expr.matchAll(/\{project=~"\$project"/g)].length
        expect(chosen, `${title}: ${expr}`).toBe(metricsIn(expr).length)
      }
    expect(dashboard.templating.list.find(({ name }) => name === 'view')?.definition).toContain('project=~"$project"')
  })

  test('have a watcher each: one that never came is known by the other processes, of which one may be gone, too', () => {
    const exprOf = (name: string) => rules.find(({ alert }) => alert === name)?.expr
    expect(exprOf('MillcourseWatcherBlind')).toContain('count by (project) (millcourse_build_info) unless on (project)')
    expect(exprOf('MillcourseProcessGone')).toContain('last_over_time(millcourse_build_info[1d])')
    expect(exprOf('MillcourseProcessDown')).toBe('up{job="millcourse"} == 0')
    expect(docs).toContain('job_name: millcourse\n')
  })
})

describe('a threshold', () => {
  const ruleOf = (name: string) => rules.find(({ alert }) => alert === name)!
  test('of a blind watcher leaves it two looks at the slowest pace that can be configured', () => {
    const env = {
      MILLCOURSE_POSTGRES_URL: 'postgresql://me@db/x',
      MILLCOURSE_LAKE: '/lake',
      TEMPORAL_ADDRESS: 't:7233',
    }
    const pollMs = (text: string) => readConfig({ ...env, MILLCOURSE_WATCH_POLL: text }).watcher.pollMs
    expect(() => pollMs('61s')).toThrow('MILLCOURSE_WATCH_POLL: at most 1m')
    const blindSeconds = Number(/> (\d+)/.exec(ruleOf('MillcourseWatcherBlind').expr)![1])
    expect(blindSeconds).toBeGreaterThanOrEqual((2 * pollMs('60s')) / 1_000)
  })

  test('of retried steps is passed by one step whose store is away', () => {
    const { expr } = ruleOf('MillcourseStepsRetried')
    const retriesMin = Number(/\[15m\]\)\) > (\d+)/.exec(expr)![1])
    const pauseMaxSeconds = Number(/maximumInterval: '(\d+)s'/.exec(read('workflows/proxy-activities.ts'))![1])
    const patienceMs = Number(/patienceMs: ([\d_]+)/.exec(read('adapters/dynamodb/client.ts'))![1]!.replaceAll('_', ''))
    expect(retriesMin).toBeLessThan(900 / (pauseMaxSeconds + patienceMs / 1_000) - 1)
  })
})

describe('the dashboard', () => {
  test('can be imported beside others: an id of its own, the data source chosen by a variable', () => {
    expect(dashboard).toMatchObject({ uid: 'millcourse', title: 'Millcourse' })
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(36)
    expect(dashboard.templating.list.map(({ name, type }) => [name, type])).toContainEqual(['datasource', 'datasource'])
    for (const { title, datasource, targets = [] } of panels) {
      expect(datasource, title).toEqual({ type: 'prometheus', uid: '$' + '{datasource}' })
      for (const target of targets) expect(target.datasource.uid, title).toBe('$' + '{datasource}')
      expect(targets.length, title).toBeGreaterThan(0)
      expect(new Set(targets.map(({ refId }) => refId)).size, title).toBe(targets.length)
    }
  })

  test('has each panel once, and none on top of another', () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length)
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) => {
      expect(x + w).toBeLessThanOrEqual(24)
      return Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`)
    })
    expect(new Set(cells).size).toBe(cells.length)
  })

  test('uses only variables that it has', () => {
    const known = new Set([...dashboard.templating.list.map(({ name }) => name), '__rate_interval'])
    const used = panels.flatMap(({ targets = [] }) =>
      targets.flatMap(({ expr }) => [...expr.matchAll(/\$\{?(\w+)\}?/g)].map((match) => match[1]!)),
    )
    expect(used.filter((name) => !known.has(name))).toEqual([])
  })
})

describe('each alert', () => {
  test.each(rules)('$alert says how bad, what, the next command, and where to read on', (rule) => {
    expect(['warning', 'critical']).toContain(rule.labels.severity)
    expect(rule.annotations.summary.length).toBeGreaterThan(20)
    expect(rule.annotations.command).toMatch(/^millcourse [a-z]+/)
    expect(rule.annotations.runbook).toBe(`docs/observability.md#${rule.alert.toLowerCase()}`)
    expect(docs).toContain(`### ${rule.alert}\n`)
    expect(rule.for ?? '1m').toMatch(/^\d+[smh]$/)
  })

  test('names in its sentences only labels that its expression keeps', () => {
    const unknown = rules.flatMap(({ alert, expr, annotations }) => {
      const kept = labelsOf(expr)
      const named = [...JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g)].map((match) => match[1]!)
      return named.filter((label) => !kept.has(label)).map((label) => `${alert}: ${label}`)
    })
    expect(unknown).toEqual([])
  })

  test('has a name of its own', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length)
  })
})

test('docs/observability.md lists each metric with kind, unit, labels and processes', () => {
  const rows = Object.entries(table).map(
    ([name, { kind, unit, labels, from, help }]) =>
      `| \`${name}\` | ${kind} | ${unit === '1' ? '' : unit} | ${labels.join(', ')} | ${from.join(', ')} | ${help} |`,
  )
  const said = read('docs/observability.md')
    .split('\n')
    .filter((line) => /^\| `\w+` \| (counter|gauge|histogram) \|/.test(line))
  expect(said).toEqual(rows)
})

test('names follow the rules of Prometheus', () => {
  for (const [name, { kind, unit, buckets, help }] of Object.entries(table)) {
    expect(name).toMatch(/^(millcourse|process|nodejs)_[a-z0-9_]+$/)
    expect(name.endsWith('_total'), name).toBe(kind === 'counter')
    if (unit === 'seconds' || unit === 'bytes') expect(name, name).toMatch(new RegExp(`_${unit}(_total)?$`))
    expect(kind === 'histogram', name).toBe(buckets !== undefined)
    expect(buckets ?? []).toEqual([...(buckets ?? [])].sort((a, b) => a - b))
    expect(help, name).toMatch(/\.$/)
  }
})

/** Prometheus's own word for whether a process answered its scrape. */
const upOfPrometheus: Metric = { kind: 'gauge', unit: '1', labels: [], from: [], help: '' }

/** What keeps the expression from ever showing something; empty: nothing. */
function faultsOf(expr: string): string[] {
  const text = expr.replaceAll('$__rate_interval', '5m')
  const faults: string[] = []
  const seen = metricsIn(expr)
  const allowed = new Set(seen.flatMap((name) => [...labelsOfMetric(name)]))
  walk(text, (node) => {
    const word = text.slice(node.from, node.to)
    if (node.type.isError) faults.push('does not parse')
    if (node.name === 'LabelName' && !allowed.has(word)) faults.push(`no label ${word}`)
    if (node.name === 'VectorSelector') {
      const name = text.slice(node.from, node.getChild('Identifier')?.to ?? node.to)
      const metric = name === 'up' ? upOfPrometheus : table[baseName(name)]
      if (!metric || (metric.kind === 'histogram') === (baseName(name) === name)) faults.push(`no metric ${name}`)
      const isRange = node.parent?.name === 'MatrixSelector'
      if (metric && metric.kind !== 'gauge' && !isRange)
        faults.push(`a ${metric.kind} without rate or increase: ${name}`)
    }
  })
  return faults
}

/** Labels of the metrics in it, and those of the matchers. */
function labelsOf(expr: string): Set<string> {
  const kept = /\bby \(([^)]*)\)/.exec(expr)?.[1]
  return new Set(kept === undefined ? metricsIn(expr).flatMap((name) => [...labelsOfMetric(name)]) : kept.split(/, ?/))
}

/** `project` is on each of ours; `instance` and `job` are Prometheus's own. */
function labelsOfMetric(name: string): Set<string> {
  return new Set([
    ...(table[baseName(name)]?.labels ?? []),
    ...(name.endsWith('_bucket') ? ['le'] : []),
    ...['project', 'instance', 'job'],
  ])
}

function metricsIn(expr: string): string[] {
  const text = expr.replaceAll('$__rate_interval', '5m')
  const names: string[] = []
  walk(text, (node) => {
    if (node.name === 'VectorSelector') names.push(text.slice(node.from, node.getChild('Identifier')?.to ?? node.to))
  })
  return names
}

/** A histogram's series have a suffix. */
function baseName(name: string): string {
  const base = name.replace(/_(bucket|sum|count)$/, '')
  return table[base]?.kind === 'histogram' ? base : name
}

function walk(text: string, visit: (node: SyntaxNode) => void): void {
  parser.parse(text).iterate({ enter: ({ node }) => visit(node) })
}
