import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** The folders of a feature repo that hold definitions; everything else is only read where one of these imports it. */
export const definitionFolders = ['entities', 'sources', 'views', 'services'] as const

/** Absolute paths of all files with definitions, in one order everywhere; absent folders are empty. */
export async function definitionFiles(root: string): Promise<string[]> {
  const found = await Promise.all(definitionFolders.map((folder) => filesBelow(join(root, folder))))
  return found.flatMap((files) => files.sort())
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const files = await Promise.all(
    entries.map((entry) => {
      const path = join(folder, entry.name)
      if (entry.name.startsWith('.') || entry.name === 'node_modules') return []
      if (entry.isDirectory()) return filesBelow(path)
      return /\.(ts|mts|js|mjs)$/.test(entry.name) && !/\.(d|test|spec)\.m?[tj]s$/.test(entry.name) ? [path] : []
    }),
  )
  return files.flat()
}
