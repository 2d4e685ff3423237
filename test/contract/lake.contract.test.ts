import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createFilesLake } from '../../adapters/files/files-lake.js'
import { S3Connection } from '../../adapters/s3/s3-connection.js'
import { createS3Lake } from '../../adapters/s3/s3-lake.js'
import { uploadFile } from '../../adapters/s3/upload-file.js'
import { startTestS3 } from '../support/versitygw.js'
import { lakeContract } from './lake.contract.js'

const root = () => mkdtemp(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), "lake'% "))

lakeContract('a folder', {
  newLake: async () => {
    const folder = await root()
    return {
      lake: createFilesLake(pathToFileURL(folder).href),
      writeAsEngine: (uri, bytes) => writeFile(uri, bytes),
      dispose: () => rm(folder, { recursive: true, force: true }),
    }
  },
})

lakeContract('S3', {
  newLake: async () => {
    const server = await startTestS3()
    Object.assign(process.env, server.environment)
    const scratch = await root()
    await mkdir(scratch, { recursive: true })
    const s3 = new S3Connection({ endpoint: server.endpoint, isPathStyle: true, patienceMs: 1_000 })
    const bucket = await server.newBucket('contract')
    return {
      lake: createS3Lake(s3, `s3://${bucket}/a prefix's/100%25`),
      writeAsEngine: async (uri, bytes) => {
        await writeFile(join(scratch, 'file'), bytes)
        await uploadFile(s3, join(scratch, 'file'), uri)
      },
      dispose: async () => {
        s3.close()
        await server.stop()
        await rm(scratch, { recursive: true, force: true })
      },
    }
  },
})
