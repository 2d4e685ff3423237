import { execFileSync } from 'node:child_process'
import { copyFile, link, mkdir, mkdtemp, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Mutation, mutate } from './mutation.js'

/** A copy of the checkout in which one file at a time is another. The checkout itself is never touched. */
export class MutatedTree {
  private constructor(
    readonly checkout: string,
    readonly root: string,
  ) {}

  /** Linked, not copied: a mutated file is written anew. */
  static async of(checkout: string): Promise<MutatedTree> {
    const root = await mkdtemp(join(tmpdir(), 'millcourse-mutations-'))
    const listed = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
    const files = execFileSync('git', listed, { cwd: checkout, encoding: 'utf8', maxBuffer: 2 ** 26 }).split('\0')
    for (const file of files.filter((name) => name !== '')) {
      await mkdir(dirname(join(root, file)), { recursive: true })
      await linkOrCopy(join(checkout, file), join(root, file))
    }
    await symlink(join(checkout, 'node_modules'), join(root, 'node_modules'))
    return new MutatedTree(checkout, root)
  }

  /** With the mutation in place while `work` runs. */
  async mutated<T>(mutation: Mutation, work: () => Promise<T>): Promise<T> {
    const place = join(this.root, mutation.file)
    const text = mutate(await readFile(place, 'utf8'), mutation)
    await unlink(place)
    await writeFile(place, text)
    try {
      return await work()
    } finally {
      await unlink(place)
      await linkOrCopy(join(this.checkout, mutation.file), place)
    }
  }

  async remove(): Promise<void> {
    await rm(this.root, { recursive: true, force: true })
  }
}

/** Deleted and not yet committed: left out. Another file system: copied. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  await link(from, to).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return
    if (error.code !== 'EXDEV' && error.code !== 'EPERM') throw error
    await copyFile(from, to)
  })
}
