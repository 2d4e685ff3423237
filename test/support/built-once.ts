import { existsSync } from 'node:fs'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Of this run of the suite, made and removed by global-setup.ts. */
export function suiteFolder(): string {
  const folder = process.env.MILLCOURSE_TEST_ROOT
  if (folder === undefined) throw new Error('MILLCOURSE_TEST_ROOT is not set: run it with vitest --project stack')
  return folder
}

/** A file that every test file of this run shares: built by whoever needs it first. Its path. */
export async function builtOnce(name: string, build: () => Promise<string>): Promise<string> {
  const file = join(suiteFolder(), name)
  if (existsSync(file)) return file
  const draft = await mkdtemp(`${file}-`)
  try {
    await writeFile(join(draft, name), await build())
    await rename(join(draft, name), file)
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
  return file
}
