/** A command's context over ports that a test has opened: what openContext makes of the environment, without a process. */
import { SystemClock } from '../../adapters/clock/system-clock.js'
import { runCommandLine } from '../../cli/command-line.js'
import type { CliContext } from '../../cli/context.js'
import { MillcourseError } from '../../core/errors.js'
import type { StackPorts } from '../../workers/stack-ports.js'

export function commandContext(ports: StackPorts): CliContext {
  const clock = new SystemClock(null)
  return {
    ...ports,
    repoDir: '/nowhere',
    project: 'test',
    version: '0.0.0-test',
    isJson: false,
    givenOptions: '',
    clock,
    pretendedNow: null,
    progress: { update() {}, line() {}, end() {} },
    signal: new AbortController().signal,
    actor: 'test',
    readRepo: async () => {
      throw new MillcourseError('REPO_NOT_FOUND', 'no repo')
    },
  } as unknown as CliContext
}

/** A command line as main.ts runs it, but for the context, which stays open. */
export async function say(
  context: CliContext,
  ...words: readonly string[]
): Promise<{ readonly exitCode: number; readonly text: string }> {
  let text = ''
  const print = (more: string): void => {
    text += more
  }
  const exitCode = await runCommandLine(words, {
    version: context.version,
    openContext: async () => ({ ...context, close: async () => {} }),
    signal: () => context.signal,
    ...{ out: print, err: print },
  })
  return { exitCode, text }
}
