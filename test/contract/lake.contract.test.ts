import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createFilesLake } from '../../adapters/files/files-lake.js'
import { lakeContract } from './lake.contract.js'

lakeContract('a folder', {
  newLake: async () => {
    const root = await mkdtemp(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), "lake'% "))
    return {
      lake: createFilesLake(pathToFileURL(root).href),
      writeAsEngine: (uri, bytes) => writeFile(uri, bytes),
      dispose: () => rm(root, { recursive: true, force: true }),
    }
  },
})
