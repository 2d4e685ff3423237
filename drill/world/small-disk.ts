/** A disk of its own, in memory: small enough to be filled without harm to anybody else. */
import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { promisify } from 'node:util'
import { NotPossibleHere } from '../until.js'

const run = promisify(execFile)

/** Returns what takes it away again. @throws NotPossibleHere where this process may not mount */
export async function mountSmallDisk(folder: string, bytes: number): Promise<() => Promise<void>> {
  await mkdir(folder, { recursive: true })
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0755`, 'tmpfs', folder])
  } catch (error) {
    throw new NotPossibleHere(`a small disk needs the right to mount one (root): ${(error as Error).message.trim()}`)
  }
  return async () => void (await run('umount', ['--lazy', folder]))
}
