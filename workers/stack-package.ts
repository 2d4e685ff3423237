import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MillcourseError } from '../core/errors.js'

/** The folder of the package's own package.json, both from the sources and from `dist`. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
}

export function packageVersion(): string {
  return (JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }).version
}

/**
 * A built program of the package: processes are started from `dist`, also by tests and the demo, so that what runs is what is installed.
 * @throws MillcourseError STACK_START_FAILED when it has not been built
 */
export function builtProgram(path: string): string {
  const program = join(packageRoot(), 'dist', path)
  if (!existsSync(program))
    throw new MillcourseError('STACK_START_FAILED', `${program} is missing`, {
      hint: 'build it first: npm run build',
      facts: { file: program },
    })
  return program
}
