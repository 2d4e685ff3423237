/** What commands are declared with, as commander sees them. */
import { type Command, InvalidArgumentError } from 'commander'
import type { CliContext, Report } from './context.js'

/** Imports a command's body when it runs; its arguments are those of commander's action. */
export type LoadBody<Arguments extends unknown[]> = () => Promise<
  (context: CliContext, ...args: Arguments) => Promise<Report>
>

/** Binds a body to a command. */
export type BindBody = <Arguments extends unknown[]>(
  load: LoadBody<Arguments>,
) => (...args: [...Arguments, Command]) => Promise<void>

export function example(...lines: string[]): string {
  return `\nExample:\n${lines.map((line) => `  $ ${line}`).join('\n')}`
}

/**
 * Commander has a command take its own options wherever they stand, also behind the name of a command below it: `backfill retry ID --reason x`
 * gave the reason to `backfill`. What is given of them is handed to the command that is named, and refused where that has no such option.
 */
export function handDownOptions(parent: Command): void {
  parent.hook('preSubcommand', (_, below) => {
    for (const option of parent.options) {
      const name = option.attributeName()
      if (parent.getOptionValueSource(name) !== 'cli') continue
      if (!below.options.some((one) => one.attributeName() === name))
        below.error(`error: unknown option '${option.long}'`, { code: 'commander.unknownOption' })
      below.setOptionValueWithSource(name, parent.getOptionValue(name), 'cli')
    }
  })
}

/** Comma-separated, and given as often as one likes. @param before what the option was given earlier on the line */
export function list(text: string, before: readonly string[] = []): string[] {
  const parts = text.split(',').map((part) => part.trim())
  return [...before, ...parts.filter((part) => part !== '')]
}

export function positiveInteger(text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError('It is not a positive whole number.')
  return number
}

export function dollars(text: string): number {
  const number = Number(text)
  if (!/^\d+(\.\d+)?$/.test(text)) throw new InvalidArgumentError('It is not an amount of dollars.')
  return number
}
