#!/usr/bin/env node
/** The command line's root: parses, opens the context, prints, and ends with the exit code. */
import { readFileSync } from 'node:fs'
import { type Command, CommanderError } from 'commander'
import { MillcourseError } from '../core/errors.js'
import type { Report } from './context.js'
import { exitCodeOf, exitCodes } from './exit-codes.js'
import { buildProgram, type Runner } from './program.js'

const run: Runner = async (globals, body) => {
  const abort = abortOnSignals()
  const { openContext } = await import('../workers/stack-context.js')
  const context = await openContext(globals, abort)
  try {
    const report = await body(context)
    context.progress.end()
    await print(report, globals.json === true)
    if (report.error) return await fail(report.error)
    process.exitCode = abort.aborted && report.outcome !== 'done' ? exitCodes.interrupted : exitCodes[report.outcome]
  } finally {
    context.progress.end()
    await context.close()
  }
}

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

async function print(report: Report, isJson: boolean): Promise<void> {
  const { toJson } = await import('./output/json.js')
  const text = isJson ? toJson(report.data) : report.text
  if (text !== '') process.stdout.write(`${text}\n`)
}

/** The AWS SDK tells on every start which Node it will want in a year; package.json says which one we support. */
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

async function main(): Promise<void> {
  const { version } = JSON.parse(readFileSync(packageFile(), 'utf8')) as { version: string }
  const program = buildProgram(run, version)
  try {
    await program.parseAsync()
  } catch (error) {
    // Help and version are "errors" of commander too; they have been printed.
    if (error instanceof CommanderError && error.exitCode === 0) return
    if (error instanceof CommanderError && error.code === 'commander.help') {
      process.exitCode = exitCodeOf(new MillcourseError('USAGE', 'no command'))
      return
    }
    await fail(error instanceof CommanderError ? usageError(error, program) : error)
  }
}

async function fail(error: unknown): Promise<void> {
  const { errorJson, errorText } = await import('./output/error-text.js')
  const { redactSecrets } = await import('../core/measure/index.js')
  const isJson = process.argv.includes('--json')
  // A cause is in a vendor's words, which may quote what the vendor was sent.
  process.stderr.write(`${redactSecrets(isJson ? JSON.stringify(errorJson(error)) : errorText(error))}\n`)
  process.exitCode = exitCodeOf(error)
}

function usageError(error: CommanderError, program: Command): MillcourseError {
  const [message = '', ...suggestion] = error.message.replace(/^error: /, '').split('\n')
  const hint = [...suggestion.map((line) => line.replace(/^\(|\)$/g, '')), `${askedCommand(program)} --help`].join(
    '; or see: ',
  )
  return new MillcourseError('USAGE', message, { hint })
}

/** The command that the words name, as far as they name one: its own help is the short way. */
function askedCommand(program: Command): string {
  const names = [program.name()]
  let at = program
  for (const word of process.argv.slice(2)) {
    const next = at.commands.find((command) => command.name() === word)
    if (!next) continue
    names.push(word)
    at = next
  }
  return names.join(' ')
}

/** Two levels up from dist/cli, one from cli. */
function packageFile(): URL {
  const here = new URL('.', import.meta.url)
  return new URL(here.pathname.endsWith('/dist/cli/') ? '../../package.json' : '../package.json', here)
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // `millcourse runs | head`: the reader has seen enough.
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0)
  throw error
})
await main()
