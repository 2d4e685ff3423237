/** Where programs lie that the embedded stack starts: on the PATH, in the cache, where Go installs. */
import { access, constants } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

export type Env = Readonly<Record<string, string | undefined>>

/** On the PATH, in `cachedIn`, or where Go installs, in this order; null: it would have to be downloaded or built first. */
export async function findProgram(name: string, env: Env, cachedIn: string): Promise<string | null> {
  return (await findOnPath(name, env)) ?? (await firstProgram(name, [cachedIn, ...goBinFolders(env)]))
}

export function findOnPath(name: string, env: Env): Promise<string | null> {
  return firstProgram(name, (env.PATH ?? '').split(delimiter))
}

/** `$XDG_CACHE_HOME/millcourse`, else `~/.cache/millcourse`. */
export function cacheFolder(env: Env): string {
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'millcourse')
}

async function firstProgram(name: string, folders: readonly string[]): Promise<string | null> {
  for (const folder of folders) if (folder !== '' && (await isProgram(join(folder, name)))) return join(folder, name)
  return null
}

/** `go install` writes there; few have the folder on their PATH. */
function goBinFolders(env: Env): string[] {
  const paths = (env.GOPATH || join(env.HOME || homedir(), 'go')).split(delimiter)
  return [...(env.GOBIN ? [env.GOBIN] : []), ...paths.filter((path) => path !== '').map((path) => join(path, 'bin'))]
}

function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}
