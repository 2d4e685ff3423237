/** Whether a command that a screen, a message or a page proposes is one that the shell and the command line take as it stands. */
import { execFileSync } from 'node:child_process'
import { buildProgram } from '../../cli/program.js'

/** As `sh` splits it: a pipe, a redirection or an open quote makes it another command, or none. */
export function wordsOf(command: string): string[] {
  const script = `set -e; millcourse() { printf '%s\\0' "$@"; }; ${command}`
  return execFileSync('sh', ['-c', script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
    .split('\0')
    .slice(0, -1)
}

/** By the real command line, which runs nothing. @throws Error where the shell or the command line does not take it */
export async function parses(command: string): Promise<boolean> {
  if (!command.startsWith('millcourse ')) return false
  let ran = 0
  const program = buildProgram(async () => void ran++, '0')
  await program.parseAsync(wordsOf(command), { from: 'user' })
  return ran === 1
}
