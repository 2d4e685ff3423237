/** A command's context over ports that a test has opened: what openContext makes of the environment, without a process. */
import { SystemClock } from '../../adapters/clock/system-clock.js'
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
