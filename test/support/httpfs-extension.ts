/** DuckDB's httpfs for tests: where none is installed, the signed file of its Python package goes into the product's cache. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { DuckDBInstance } from '@duckdb/node-api'
import { cachedExtensionFile } from '../../adapters/duckdb/httpfs.js'

const run = promisify(execFile)

export async function provideHttpfs(onProgress: (line: string) => void = () => {}): Promise<void> {
  if (process.env.MILLCOURSE_HTTPFS) return
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  const isInstalled = await connection.run('LOAD httpfs').then(
    () => true,
    () => false,
  )
  const target = await cachedExtensionFile(connection, process.env)
  if (isInstalled || existsSync(target)) return
  const version = dirname(target).match(/v(\d+\.\d+\.\d+)/)![1]
  onProgress(`fetching duckdb-extension-httpfs ${version} with pip, this once`)
  await mkdir(dirname(target), { recursive: true })
  const scratch = await mkdtemp(join(dirname(target), 'fetch-'))
  try {
    await run('pip', ['download', '--quiet', '--no-deps', '--dest', scratch, `duckdb-extension-httpfs==${version}`])
    const wheel = (await readdir(scratch)).find((name) => name.endsWith('.whl'))!
    await run('python3', ['-m', 'zipfile', '-e', join(scratch, wheel), scratch])
    const file = join(scratch, 'duckdb_extension_httpfs', 'extensions', `v${version}`, 'httpfs.duckdb_extension')
    await copyFile(file, `${scratch}.file`)
    await rename(`${scratch}.file`, target)
  } catch (error) {
    throw new Error(
      `tests of S3 need DuckDB's httpfs ${version}: set MILLCOURSE_HTTPFS to its file, or have pip fetch it (${(error as Error).message})`,
    )
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}
