/** What needs no stack: Node, disk, DuckDB, the feature repo. */

import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { CliContext } from '../context.js'
import { formatBytes, plural } from '../output/words.js'
import type { Check } from './check.js'

const nodeMin = [20, 11] as const
const freeBytesMin = 1024 ** 3

export function machineChecks(context: CliContext): Check[] {
  return [
    { part: 'Node', look: async () => checkNode(process.versions.node) },
    { part: 'disk', look: () => checkDisk(context.repoDir) },
    // Before whatever needs them: a fault in them is none of DuckDB's.
    { part: 'settings', look: () => checkSettings(context) },
    { part: 'DuckDB', look: () => checkDuckdb(context) },
    ...['temporal', 'postgres'].map((name) => ({ part: `${name} tool`, look: () => checkTool(context, name) })),
    { part: 'feature repo', look: () => checkRepo(context) },
  ]
}

export function checkNode(version: string) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isNewEnough = major > nodeMin[0] || (major === nodeMin[0] && minor >= nodeMin[1])
  if (isNewEnough) return version
  return { state: 'wrong' as const, found: version, advice: `install Node ${nodeMin.join('.')} or newer` }
}

async function checkDisk(folder: string) {
  let existing = resolve(folder)
  while (!existsSync(existing)) existing = dirname(existing)
  const { bavail, bsize } = await statfs(existing)
  const found = `${formatBytes(bavail * bsize)} free at ${existing}`
  if (bavail * bsize >= freeBytesMin) return found
  return { state: 'wrong' as const, found, advice: 'make room: runs spill and the lake grows on this disk' }
}

/** Prices are one of them, and need no stack: whoever asks for them has all checked. */
async function checkSettings(context: CliContext) {
  await context.prices()
  return 'can be read'
}

async function checkDuckdb(context: CliContext) {
  const engine = await context.engine()
  const { version, s3Reader } = await engine.describe(await usesS3(context))
  return `${version}; ${s3Reader ?? 'nothing to read s3:// with, and no need for it'}`
}

/** Lake, sources' root, or the path of a source that the repo declares. */
async function usesS3(context: CliContext): Promise<boolean> {
  const roots = await Promise.all(
    [() => context.lake(), () => context.sources()].map(async (open) => (await open()).uri('x')).map(orNone),
  )
  const declared = await orNone(context.readRepo().then(({ repo }) => repo.sources.map(({ path }) => path)))
  return [...roots, declared].flat().some((path) => path?.startsWith('s3://'))
}

/** What cannot be told has a line of its own. */
async function orNone<T>(looked: Promise<T>): Promise<T | null> {
  return looked.catch(() => null)
}

async function checkTool(context: CliContext, name: string) {
  const tool = (await context.localTools()).find((one) => one.name === name)
  if (tool?.path) return tool.path
  return {
    state: 'absent' as const,
    found: 'not found; only `millcourse dev` needs it',
    advice: tool?.otherwise ?? null,
  }
}

async function checkRepo(context: CliContext) {
  const { repo, problems } = await context.readRepo()
  if (problems.length > 0)
    return { state: 'wrong' as const, found: plural(problems.length, 'problem'), advice: 'millcourse plan lists them' }
  return `${context.repoDir}: project ${repo.project}, ${plural(repo.views.length, 'view')}, ${plural(repo.services.length, 'service')}`
}
