/** One command line, from words to exit code: command-process.ts gives it the process, a test its own ears. */
import { type Command, CommanderError } from 'commander'
import { MillcourseError } from '../core/errors.js'
import type { CliContext, Report } from './context.js'
import { exitCodeOf, exitCodes } from './exit-codes.js'
import { buildProgram, type GlobalOptions, type Runner } from './program.js'

export interface CommandLineParts {
  readonly version: string
  openContext(options: GlobalOptions, signal: AbortSignal): Promise<CliContext>
  /** Aborted: the command comes to an orderly end. Asked for once a command begins. */
  readonly signal: () => AbortSignal
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

/** @returns the exit code */
export async function runCommandLine(words: readonly string[], parts: CommandLineParts): Promise<number> {
  let exitCode: number = exitCodes.done
  let given: AbortSignal | null = null
  const isJson = words.includes('--json')
  const run: Runner = async (globals, body) => {
    const signal = parts.signal()
    given = signal
    const context = await parts.openContext(globals, signal)
    try {
      const report = await body(context)
      context.progress.end()
      await print(report, globals.json === true, parts)
      if (report.error) exitCode = await tellError(report.error, isJson, parts)
      else exitCode = signal.aborted && report.outcome !== 'done' ? exitCodes.interrupted : exitCodes[report.outcome]
    } finally {
      context.progress.end()
      await context.close()
    }
  }
  const program = buildProgram(run, parts.version)
  try {
    await program.parseAsync(words, { from: 'user' })
    return exitCode
  } catch (error) {
    const { aborted, reason } = (given as AbortSignal | null) ?? { aborted: false, reason: null }
    if (aborted && error === reason) {
      // Asked for, and no fault of anything.
      parts.err(isJson ? '{"interrupted":true}\n' : 'interrupted\n')
      return exitCodes.interrupted
    }
    // Help and version are "errors" of commander too; they have been printed.
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.done
    if (error instanceof CommanderError && error.code === 'commander.help')
      return exitCodeOf(new MillcourseError('USAGE', 'no command'))
    return await tellError(error instanceof CommanderError ? usageError(error, program, words) : error, isJson, parts)
  }
}

async function print(report: Report, isJson: boolean, { out }: CommandLineParts): Promise<void> {
  const { toJson } = await import('./output/json.js')
  const text = isJson ? toJson(report.data) : report.text
  if (text !== '') out(`${text}\n`)
}

async function tellError(error: unknown, isJson: boolean, { err }: CommandLineParts): Promise<number> {
  const { errorJson, errorText } = await import('./output/error-text.js')
  const { redactSecrets } = await import('../core/measure/index.js')
  // A cause is in a vendor's words, which may quote what the vendor was sent.
  err(`${redactSecrets(isJson ? JSON.stringify(errorJson(error)) : errorText(error))}\n`)
  return exitCodeOf(error)
}

function usageError(error: CommanderError, program: Command, words: readonly string[]): MillcourseError {
  const [message = '', ...suggestion] = error.message.replace(/^error: /, '').split('\n')
  const hint = [
    ...suggestion.map((line) => line.replace(/^\(|\)$/g, '')),
    `${askedCommand(program, words)} --help`,
  ].join('; or see: ')
  return new MillcourseError('USAGE', message, { hint })
}

/** The command that the words name, as far as they name one: its own help is the short way. */
function askedCommand(program: Command, words: readonly string[]): string {
  const names = [program.name()]
  let at = program
  for (const word of words) {
    const next = at.commands.find((command) => command.name() === word)
    if (!next) continue
    names.push(word)
    at = next
  }
  return names.join(' ')
}
