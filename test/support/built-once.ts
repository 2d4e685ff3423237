import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Of this run of the suite, made and removed by global-setup.ts; in a benchmark, of the process. */
export function suiteFolder(): string {
  process.env.MILLCOURSE_TEST_ROOT ??= folderOfProcess()
  return process.env.MILLCOURSE_TEST_ROOT
}

function folderOfProcess(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millcourse-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A file that every test file of this run shares: built by whoever needs it first. Its path. */
export function builtOnce(name: string, build: () => Promise<string>): Promise<string> {
  return madeOnce(name, async (path) => writeFile(path, await build()))
}

/** The same for a folder, empty when `fill` is given it. */
export function filledOnce(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  return madeOnce(name, async (path) => {
    await mkdir(path)
    await fill(path)
  })
}

async function madeOnce(name: string, make: (path: string) => Promise<void>): Promise<string> {
  const made = join(suiteFolder(), name)
  if (existsSync(made)) return made
  const draft = await mkdtemp(`${made}-`)
  try {
    await make(join(draft, name))
    // A folder cannot replace one: another worker was quicker.
    await rename(join(draft, name), made).catch((error: unknown) => {
      if (!existsSync(made)) throw error
    })
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
  return made
}
