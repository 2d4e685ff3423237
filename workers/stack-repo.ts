import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** The nearest folder upward that holds a millcourse.json; `from` itself where none does. */
export function findRepoDir(from: string): string {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'millcourse.json'))) return folder
    if (dirname(folder) === folder) return resolve(from)
  }
}
