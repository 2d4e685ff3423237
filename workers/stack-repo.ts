/** The feature repo's own settings: `millcourse.json` at its root, which also marks the root. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { MillcourseError } from '../core/errors.js'

const settingsFile = 'millcourse.json'

const schema = z.object({
  project: z.string().regex(/^[a-z][a-z0-9_]*$/, 'use lower-case letters, digits and underscores'),
  /** Where relative source paths lie, seen from the repo. */
  sources: z.string().min(1).default('data'),
})

export interface RepoSettings {
  readonly project: string
  /** Absolute, or a URI. */
  readonly sources: string
}

/** The nearest folder upward that holds a millcourse.json; `from` itself where none does. */
export function findRepoDir(from: string): string {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    if (existsSync(join(folder, settingsFile))) return folder
    if (dirname(folder) === folder) return resolve(from)
  }
}

/** @throws MillcourseError REPO_NOT_FOUND, REPO_LOAD_FAILED */
export async function readRepoSettings(repoDir: string): Promise<RepoSettings> {
  const path = join(repoDir, settingsFile)
  if (!existsSync(path))
    throw new MillcourseError('REPO_NOT_FOUND', `${repoDir} is not a feature repo: it has no ${settingsFile}`, {
      hint: 'go into the repo, name it with --repo DIR, or make one: millcourse init DIR',
      facts: { folder: repoDir },
    })
  const parsed = schema.safeParse(parseJson(await readFile(path, 'utf8')))
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'the file'}: ${issue.message}`)
    throw new MillcourseError('REPO_LOAD_FAILED', `${path}: ${faults.join('; ')}`, {
      hint: 'write it as { "project": "flights", "sources": "data" }',
      facts: { file: path },
    })
  }
  const { project, sources } = parsed.data
  return { project, sources: sources.includes('://') ? sources : resolve(repoDir, sources) }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    return `not JSON: ${(error as Error).message}`
  }
}
