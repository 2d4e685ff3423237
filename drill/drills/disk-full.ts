import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Drill } from '../drill.js'

const diskBytes = 16 * 1_048_576

export const drill: Drill = {
  name: 'disk-full',
  injects:
    'somebody fills, to the last byte, the disk that the lake lies on, or with a lake in S3 the one that files wait on to be sent',
  undoneBy: 'the file that filled it is removed',
  // LAKE_FULL, or with a lake in S3 COMPUTE_SPILL_FULL.
  expects: { alarm: 'failed', keyHas: '_FULL', afterMs: ({ pace }) => 2 * pace.everyMs },
  world: () => ({ diskBytes }),
  async inject({ filesDir }) {
    const ballast = join(filesDir, 'ballast')
    // In pieces, so that the last one fills what is left.
    for (let size = diskBytes; size >= 512; size = Math.floor(size / 2))
      await writeFile(`${ballast}-${size}`, Buffer.alloc(size)).catch(() => {})
    return async () => {
      for (let size = diskBytes; size >= 512; size = Math.floor(size / 2))
        await rm(`${ballast}-${size}`, { force: true })
    }
  },
}
