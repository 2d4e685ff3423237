import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { cruise, type IConfiguration, type ICruiseResult } from 'dependency-cruiser'
import { afterAll, beforeAll, expect, test } from 'vitest'

/** Breaches, each a file of its own in a small tree: who imports what, and the rule that must object. */
const breaches: readonly (readonly [from: string, statement: string, rule: string])[] = [
  ['core/plan/disk.ts', "import 'node:fs'", 'core-is-pure'],
  ['core/plan/sql-builder.ts', "import 'kysely'", 'core-is-pure'],
  ['core/plan/adapter.ts', "import type { x } from '../../adapters/files/lake.js'", 'core-is-pure'],
  ['core/time/define.ts', "import '../define/index.js'", 'core-time-order'],
  ['core/measure/plan.ts', "import '../plan/index.js'", 'core-measure-order'],
  ['core/define/source.ts', "import '../source/index.js'", 'core-define-order'],
  [
    'core/compute/operations/view.ts',
    "import type { x } from '../../define/definitions.js'",
    'operations-lean-on-little',
  ],
  ['core/source/plan.ts', "import '../plan/index.js'", 'core-source-order'],
  ['core/plan/judge.ts', "import type { x } from '../judge/index.js'", 'core-plan-order'],
  ['core/compute/judge.ts', "import '../judge/index.js'", 'core-compute-order'],
  ['core/training/publish.ts', "import '../publish/index.js'", 'core-training-order'],
  ['core/compact/publish.ts', "import '../publish/index.js'", 'core-compact-order'],
  ['core/judge/publish.ts', "import '../publish/index.js'", 'core-judge-order'],
  ['core/publish/port.ts', "import type { x } from '../ports/clock.js'", 'core-publish-order'],
  ['core/serve/watch.ts', "import '../watch/index.js'", 'core-serve-order'],
  ['core/explain/watch.ts', "import '../watch/index.js'", 'core-explain-order'],
  ['core/quality/watch.ts', "import '../watch/index.js'", 'core-quality-order'],
  ['core/watch/serve.ts', "import '../serve/index.js'", 'core-watch-order'],
  ['core/alert/judge.ts', "import '../judge/index.js'", 'core-alert-order'],
  ['core/runbook/plan.ts', "import '../plan/index.js'", 'core-runbook-order'],
  ['core/backup/plan.ts', "import '../plan/index.js'", 'core-backup-order'],
  ['core/errors.ts', "import './time/index.js'", 'core-errors-know-nothing'],
  ['core/ports/computing.ts', "import { x } from '../plan/index.js'", 'ports-take-types'],
  ['adapters/files/neighbour.ts', "import type { x } from '../duckdb/engine.js'", 'adapters-stand-alone'],
  ['adapters/alerts/log/neighbour.ts', "import '../webhook/channel.js'", 'adapters-stand-alone'],
  ['adapters/files/workflow.ts', "import type { x } from '../../workflows/index.js'", 'adapters-stand-alone'],
  [
    'activities/adapter.ts',
    "import type { x } from '../adapters/files/lake.js'",
    'activities-get-adapters-as-arguments',
  ],
  ['activities/disk.ts', "import 'node:fs'", 'activities-get-adapters-as-arguments'],
  ['activities/client.ts', "import '@temporalio/client'", 'activities-get-adapters-as-arguments'],
  ['workflows/verdict.ts', "import { x } from '../core/judge/index.js'", 'workflows-take-types'],
  ['workflows/step.ts', "import { x } from '../activities/index.js'", 'workflows-take-types'],
  ['workflows/adapter.ts', "import type { x } from '../adapters/files/lake.js'", 'workflows-sequence'],
  ['workflows/stream.ts', "import type { Readable } from 'node:stream'", 'workflows-sequence'],
  ['workflows/client.ts', "import type { Client } from '@temporalio/client'", 'workflows-sequence'],
  ['cli/commands/adapter.ts', "import type { x } from '../../adapters/files/lake.js'", 'cli-through-ports'],
  ['cli/commands/step.ts', "import '../../activities/index.js'", 'cli-through-ports'],
  ['api/adapter.ts', "import type { x } from '../adapters/files/lake.js'", 'api-through-ports'],
  ['api/client.ts', "import '@temporalio/client'", 'api-through-ports'],
  ['feature_repo/inside.ts', "import '../core/time/index.js'", 'feature-repo-imports-the-package'],
  ['feature_repo/disk.ts', "import 'node:fs'", 'feature-repo-imports-the-package'],
  ['workers/fixture.ts', "import '../test/world.js'", 'no-dep-on-test'],
  ['workers/definition.ts', "import '../feature_repo/index.js'", 'nothing-leans-on-the-edge'],
  ['cli/commands/show.ts', "import '../../demo/main.js'", 'nothing-leans-on-the-edge'],
  ['workers/broken.ts', "import '../drill/index.js'", 'drills-stand-outside'],
  ['cli/context.ts', "import type { x } from '../drill/index.js'", 'drills-stand-outside'],
  ['core/plan/alone.ts', '', 'no-orphans'],
  ['workers/ring.ts', "import './the-other-end.js'", 'no-circular'],
]
/** What the import rules allow, beside them. */
const allowed: readonly (readonly [from: string, statement: string])[] = [
  ['core/judge/earlier.ts', "import '../compute/index.js'"],
  ['core/define/typed.ts', "import '../compute/operations/view.js'"],
  ['core/ports/typed.ts', "import type { x } from '../plan/index.js'"],
  ['adapters/alerts/log/posting.ts', "import '../post-alert.js'"],
  ['activities/step.ts', "import '../core/judge/index.js'"],
  ['workflows/typed.ts', "import type { x } from '../activities/index.js'"],
  ['workflows/hour.ts', "import { x } from '../core/time/index.js'"],
  ['workers/root.ts', "import '../adapters/files/lake.js'"],
  ['cli/commands/drill.ts', "import '../../drill/index.js'"],
]
const targets = [
  ...['time', 'define', 'source', 'plan', 'compute', 'judge', 'publish', 'serve', 'watch'].map(
    (s) => `core/${s}/index.ts`,
  ),
  ...[
    'core/ports/clock.ts',
    'adapters/files/lake.ts',
    'adapters/duckdb/engine.ts',
    'adapters/alerts/webhook/channel.ts',
    'adapters/alerts/post-alert.ts',
  ],
  ...[
    'activities/index.ts',
    'workflows/index.ts',
    'test/world.ts',
    'demo/main.ts',
    'drill/index.ts',
    'feature_repo/index.ts',
  ],
]

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'millcourse-architecture-'))
  const put = async (file: string, text: string) => {
    await mkdir(dirname(join(root, file)), { recursive: true })
    await writeFile(join(root, file), `${text}\nexport const x = 1\n`)
  }
  for (const file of targets) await put(file, '')
  for (const [file, statement] of [...breaches, ...allowed]) await put(file, statement)
  await put('workers/the-other-end.ts', "import './ring.js'")
  for (const name of ['kysely', '@temporalio/client']) {
    await put(`node_modules/${name}/index.js`, '')
    await writeFile(join(root, `node_modules/${name}/package.json`), JSON.stringify({ name, main: 'index.js' }))
  }
})
afterAll(() => rm(root, { recursive: true, force: true }))

test('each import rule objects to its breach, and to nothing else', async () => {
  const rulesFile = new URL('../dependency-cruiser.config.mjs', import.meta.url).href
  const { forbidden = [], options = {} } = ((await import(rulesFile)) as { default: IConfiguration }).default
  const { tsConfig: _, ...sameOptions } = options
  const rooms = [
    'core',
    'adapters',
    'activities',
    'workflows',
    'workers',
    'api',
    'cli',
    'drill',
    'demo',
    'feature_repo',
    'test',
  ]
  const result = await cruise(rooms, { ...sameOptions, baseDir: root, validate: true, ruleSet: { forbidden } })
  const { violations } = (result.output as ICruiseResult).summary
  const found = violations.map(({ rule, from }) => `${from}: ${rule.name}`)
  for (const [from, , rule] of breaches) expect(found).toContain(`${from}: ${rule}`)
  const files = new Set(breaches.map(([from]) => from))
  expect(
    found.filter((text) => !files.has(text.split(':')[0] ?? '') && !text.startsWith('workers/the-other-end.ts')),
  ).toEqual([])
  const rules = new Set(forbidden.map((rule) => rule.name))
  for (const [, , rule] of breaches) rules.delete(rule)
  expect([...rules], 'a rule without a breach here').toEqual([])
})
