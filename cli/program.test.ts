/** Options of commands below other commands: each gets its own, and none of the other's. */
import { expect, test } from 'vitest'
import { buildProgram } from './program.js'

type Command = ReturnType<typeof buildProgram>
type Option = Command['options'][number]

const program = () => buildProgram(async () => {}, '0')
const below = program().commands.flatMap((parent) =>
  parent.commands.map((command) => ({ parent, command, words: [parent.name(), command.name()] })),
)

/** What the body is given by these words, and whence. */
async function parsed(words: readonly string[]): Promise<Command> {
  const root = program()
  await root.parseAsync([...words], { from: 'user' })
  return words.slice(0, 2).reduce((at, name) => at.commands.find((one) => one.name() === name)!, root)
}

const argumentsOf = ({ registeredArguments }: Command) =>
  registeredArguments.filter(({ required }) => required).map(() => 'x')
const wordsOf = (option: Option) => [option.long!, ...(option.isBoolean() ? [] : [option.argChoices?.[0] ?? '1'])]
const mandatory = ({ options }: Command) => options.filter((option) => option.mandatory).flatMap(wordsOf)

test.each(below)('$words gets each of its options, wherever they stand', async ({ command, words }) => {
  const given = command.options.flatMap(wordsOf)
  const all = [
    [...words, ...argumentsOf(command), ...given, '--json'],
    [...words, ...given, '--', ...argumentsOf(command)],
  ]
  for (const line of all) {
    const got = await parsed(line)
    for (const option of command.options)
      expect(got.getOptionValueSource(option.attributeName()), `${option.long} of ${line.join(' ')}`).toBe('cli')
  }
})

test.each(below)('$words refuses what only the command above it knows', async ({ parent, command, words }) => {
  const own = new Set(command.options.map((option) => option.attributeName()))
  for (const option of parent.options.filter((one) => !own.has(one.attributeName()))) {
    const line = [...words, ...argumentsOf(command), ...mandatory(command), ...wordsOf(option)]
    await expect(parsed(line), line.join(' ')).rejects.toMatchObject({
      code: 'commander.unknownOption',
      message: `error: unknown option '${option.long}'`,
    })
  }
})

test('values arrive as they were read, also from before the name', async () => {
  const retry = await parsed(['backfill', 'retry', '3f2a', '--failed', '--cost-max', '2.5', '--reason', 'why'])
  expect(retry.opts()).toEqual({ failed: true, costMax: 2.5, reason: 'why' })
  const replay = ['quality', 'replay', 'v', '--check', 'rows.min=1', 'rows.max=9', '--from', 'a', '--to', 'b']
  expect((await parsed(replay)).opts()).toEqual({ check: ['rows.min=1', 'rows.max=9'], from: 'a', to: 'b' })
  const root = program()
  await root.parseAsync(['backfill', '--reason', 'why', 'pause', '3f2a'], { from: 'user' })
  const pause = root.commands.find((one) => one.name() === 'backfill')!.commands.find((one) => one.name() === 'pause')!
  expect(pause.opts()).toEqual({ reason: 'why' })
})

test('a list that is given in parts is all of them', async () => {
  const maps = ['--map', 'from.origin=dep', '--map', 'to.origin=arr,to.terminal=gate']
  const features = ['--features', 'from=airport', '--features', 'to=airport']
  const root = program()
  await root.parseAsync(['training-set', ...features, ...maps], { from: 'user' })
  expect(root.commands.find((one) => one.name() === 'training-set')!.opts()).toMatchObject({
    features: ['from=airport', 'to=airport'],
    map: ['from.origin=dep', 'to.origin=arr', 'to.terminal=gate'],
  })
})
