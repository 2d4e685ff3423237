import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { MillcourseError } from '../../core/errors.js'

export interface CopyRequest {
  readonly from: string
  readonly to: string
  /** Replaced in every file: what the template says, and what the copy is to say. */
  readonly replace: Readonly<Record<string, string>>
}

export interface Copied {
  readonly written: readonly string[]
  /** Were there already and are as they were. */
  readonly kept: readonly string[]
}

/** @throws MillcourseError USAGE where a feature repo is already */
export function refuseExisting(to: string): void {
  if (existsSync(join(to, 'millcourse.json')))
    throw new MillcourseError('USAGE', `${to} is a feature repo already`, {
      hint: 'name another folder: millcourse init DIR',
      facts: { folder: to },
    })
}

/** Writes what is not there yet and overwrites nothing. */
export async function copyTemplate({ from, to, replace }: CopyRequest): Promise<Copied> {
  const written: string[] = []
  const kept: string[] = []
  for (const file of await filesBelow(from)) {
    // npm leaves .gitignore files out of packages.
    const target = join(to, relative(from, file).replace(/(^|\/)gitignore$/, '$1.gitignore'))
    if (existsSync(target)) {
      kept.push(relative(to, target))
      continue
    }
    const text = Object.entries(replace).reduce(
      (so, [old, now]) => so.replaceAll(old, now),
      await readFile(file, 'utf8'),
    )
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, text)
    written.push(relative(to, target))
  }
  return { written, kept }
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const skipped = ['data', 'node_modules', '.millcourse']
  const found = entries
    .filter(({ name }) => !skipped.includes(name))
    .map((entry) => (entry.isDirectory() ? filesBelow(join(folder, entry.name)) : [join(folder, entry.name)]))
  return (await Promise.all(found)).flat().sort()
}
