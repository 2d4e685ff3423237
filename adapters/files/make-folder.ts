import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * A folder and those above it, level by level: where the parent is there and the system still says "no such file" (below /proc), Node's
 * own recursive `mkdir` asks again for ever and cannot be stopped.
 * @throws the file system's error; ENOTDIR where a file is in the way, EROFS where no folder can be made
 */
export async function makeFolder(path: string): Promise<void> {
  if (await isFolder(path)) return
  const parent = dirname(path)
  if (parent !== path) await makeFolder(parent)
  try {
    await mkdir(path)
  } catch (error) {
    // Another one made it meanwhile.
    if (await isFolder(path)) return
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw Object.assign(new Error(`${path} is a file`), { code: 'ENOTDIR' })
    if (code === 'ENOENT') throw Object.assign(new Error(`${parent} takes no folders`), { code: 'EROFS' })
    throw error
  }
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}
