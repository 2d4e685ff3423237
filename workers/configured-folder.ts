/** The folders that the environment names, made before anything is begun: what cannot be written to is said at the start. */
import { access, constants } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeFolder } from '../adapters/files/make-folder.js'
import { MillcourseError } from '../core/errors.js'
import type { ProcessName } from '../core/measure/index.js'
import type { Config } from './config.js'

/**
 * What a process cannot do without. The server can: it serves without its definitions on disk, and warns. The watcher speaks from memory
 * while its folder is full or not to be written; one that can never be there is a slip in its name, and said while a person looks.
 * @throws MillcourseError CONFIG_INVALID
 */
export async function makeFoldersOf(
  name: ProcessName,
  config: Pick<Config, 'lake'> & {
    readonly engine: Pick<Config['engine'], 'spillDir'>
    readonly watcher: Pick<Config['watcher'], 'stateDir'>
  },
): Promise<void> {
  if (name === 'watcher')
    await makeConfiguredFolder('MILLCOURSE_WATCH_STATE_DIR', config.watcher.stateDir, { isVital: false })
  if (name !== 'worker') return
  await makeConfiguredFolder('MILLCOURSE_SPILL_DIR', config.engine.spillDir)
  if (!config.lake.startsWith('s3://')) await makeConfiguredFolder('MILLCOURSE_LAKE', config.lake)
}

/**
 * @param folder a path or `file:///…`
 * @param options not vital: it is enough that the folder can be there
 * @throws MillcourseError CONFIG_INVALID naming the variable
 */
export async function makeConfiguredFolder(
  variable: string,
  folder: string,
  { isVital } = { isVital: true },
): Promise<void> {
  try {
    const path = resolve(folder.startsWith('file:') ? fileURLToPath(folder) : folder)
    await makeFolder(path)
    if (isVital) await access(path, constants.W_OK | constants.X_OK)
  } catch (error) {
    if (!isVital && /^(ENOSPC|EDQUOT|EIO)$/.test((error as NodeJS.ErrnoException).code ?? '')) return
    const why = error instanceof Error ? error.message : String(error)
    throw new MillcourseError('CONFIG_INVALID', `${variable}: the folder cannot be made or written to: ${why}`, {
      cause: error,
      hint: `let ${variable} name a folder that this user may write to`,
      facts: { variables: variable, folder },
    })
  }
}
