import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Drill } from '../drill.js'

const diskBytes = 16 * 1_048_576

export const drill: Drill = {
  name: 'disk-full',
  injects: 'somebody fills the disk that the lake lies on, to the last byte',
  undoneBy: 'the file that filled it is removed',
  expects: { alarm: 'failed', keyHas: 'LAKE_FULL', afterMs: ({ pace }) => 2 * pace.everyMs },
  world: () => ({ lakeBytes: diskBytes }),
  async inject({ dir }) {
    const ballast = join(dir, 'lake', 'ballast')
    // In pieces, so that the last one fills what is left.
    for (let size = diskBytes; size >= 512; size = Math.floor(size / 2))
      await writeFile(`${ballast}-${size}`, Buffer.alloc(size)).catch(() => {})
    return async () => {
      for (let size = diskBytes; size >= 512; size = Math.floor(size / 2))
        await rm(`${ballast}-${size}`, { force: true })
    }
  },
}
