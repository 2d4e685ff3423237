/** The command line's root: gives a command line the process it runs in. */
import { packageVersion } from '../workers/stack-package.js'
import { runCommandLine } from './command-line.js'
import { exitCodes } from './exit-codes.js'

/** For sockets and native threads to go by themselves. */
const endWithinMs = 10_000

/** The first signal asks for an orderly end, the second does not ask. */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController()
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted)
    controller.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return controller.signal
}

/** The AWS SDK tells on every start which Node it will want in a year; package.json says which one we support. */
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // `millcourse runs | head`: the reader has seen enough.
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0)
  throw error
})
process.exitCode = await runCommandLine(process.argv.slice(2), {
  version: packageVersion(),
  // Whoever only asks for help does not wait for it.
  openContext: async (options, signal) => (await import('../workers/stack-context.js')).openContext(options, signal),
  signal: abortOnSignals,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
})
// What something still holds open keeps no command from ending: its work is done, and its exit code known.
setTimeout(() => process.exit(), endWithinMs).unref()
