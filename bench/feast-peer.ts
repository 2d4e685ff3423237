/**
 * `feast apply` of as many views of as many features, with its local registry and no Schedule: `MILLCOURSE_BENCH_FEAST` names a Python that has
 * Feast, or an environment is made once. Without it there are no figures of the peer.
 */
import { execFile } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { median, rounded } from './figures.js'
import { featuresPerView, viewCount } from './many-views-repo.js'
import { peerPython } from './peer-python.js'

const run = promisify(execFile)
const peer = { name: 'feast', version: '0.67.0', variable: 'MILLCOURSE_BENCH_FEAST' }

export async function feastApply(dir: string, rounds: number): Promise<Readonly<Record<string, number>>> {
  const python = await peerPython(peer)
  if (python === null) return {}
  await mkdir(dir, { recursive: true })
  await writeFile(join(dir, 'feature_store.yaml'), settings)
  await writeFile(join(dir, 'definitions.py'), definitions)
  const feast = async (...args: readonly string[]) => {
    const startedMs = performance.now()
    await run(join(dirname(python), 'feast'), args, { cwd: dir, maxBuffer: 2 ** 26 })
    return performance.now() - startedMs
  }
  const taken = { first: [] as number[], noop: [] as number[], list: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    await rm(join(dir, 'registry.db'), { force: true })
    await rm(join(dir, 'online.db'), { force: true })
    taken.first.push(await feast('apply'))
    taken.noop.push(await feast('apply'))
    taken.list.push(await feast('feature-views', 'list'))
  }
  return {
    feastFirstApplyMs: rounded(median(taken.first)),
    feastNoopApplyMs: rounded(median(taken.noop)),
    feastListMs: rounded(median(taken.list)),
  }
}

const settings = `project: many
registry: registry.db
provider: local
online_store:
  type: sqlite
  path: online.db
entity_key_serialization_version: 3
`

const definitions = `from datetime import timedelta
from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.types import Float64

for e in range(${viewCount / 20}):
    globals()[f"entity_{e}"] = Entity(name=f"entity_{e}", join_keys=[f"key_{e}"], value_type=ValueType.STRING)
for s in range(${viewCount / 10}):
    globals()[f"events_{s}"] = FileSource(name=f"events_{s}", path=f"events_{s}.parquet", timestamp_field="at")
for v in range(${viewCount}):
    globals()[f"view_{v}"] = FeatureView(
        name=f"view_{v}", entities=[globals()[f"entity_{v // 20}"]], source=globals()[f"events_{v // 10}"], ttl=timedelta(hours=48),
        schema=[Field(name=f"f{c}", dtype=Float64) for c in range(${featuresPerView})],
    )
`
