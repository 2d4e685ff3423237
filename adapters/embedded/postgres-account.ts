/** PostgreSQL refuses to run as root: as root, its processes run under an ordinary account. */
import { execFileSync, spawnSync } from 'node:child_process'
import { MillcourseError } from '../../core/errors.js'

export interface PostgresAccount {
  /** Null: the user who runs this process. */
  readonly ids: { readonly uid: number; readonly gid: number } | null
  /** What stands before a command, so that it runs under the account. */
  commandFor(command: readonly string[]): string[]
}

/**
 * As an ordinary user: that user. As root: `postgres` where the machine has it, else `nobody`.
 * A clone under /root is closed to others: there the account keeps the one capability of passing through (CAP_DAC_OVERRIDE).
 * @throws MillcourseError STACK_START_FAILED
 */
export function choosePostgresAccount(dir: string, binary: string): PostgresAccount {
  if (process.getuid?.() !== 0) return { ids: null, commandFor: (command) => [...command] }
  const ids = lookUp('postgres') ?? lookUp('nobody')
  if (ids === null)
    throw new MillcourseError('STACK_START_FAILED', 'PostgreSQL does not run as root, and there is no other account', {
      hint: 'run as an ordinary user, or create one: useradd --system postgres',
    })
  const drop = ['setpriv', `--reuid=${ids.uid}`, `--regid=${ids.gid}`, '--clear-groups']
  // Without no_setuid_fixup, access(2) leaves the capability out of account, and by access(2) initdb looks for its siblings.
  const keepPassing = [
    ...drop,
    '--inh-caps=+dac_override',
    '--ambient-caps=+dac_override',
    '--securebits=+no_setuid_fixup',
  ]
  for (const prefix of [drop, keepPassing])
    if (canRun([...prefix, '--', 'ls', dir]) && canRun([...prefix, '--', binary, '--version']))
      return { ids, commandFor: (command) => [...prefix, '--', ...command] }
  throw new MillcourseError('STACK_START_FAILED', `the account with uid ${ids.uid} cannot reach ${dir}`, {
    hint: 'run as an ordinary user, or move the folder out of a closed one such as /root',
    facts: { uid: ids.uid },
  })
}

function lookUp(name: string): { uid: number; gid: number } | null {
  try {
    const id = (flag: string) => Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }))
    return { uid: id('-u'), gid: id('-g') }
  } catch {
    return null
  }
}

/** Tried for real: access(2), and so `test -x`, asks about the account without its capability. */
function canRun(command: readonly string[]): boolean {
  return spawnSync(command[0]!, command.slice(1), { stdio: 'ignore' }).status === 0
}
