/** `--help` of each command as a person reads it. `npm run golden:update` after a change that is meant. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const help = (...command: string[]) =>
  execFileSync(process.execPath, [program, ...command, '--help'], {
    encoding: 'utf8',
    env: { ...process.env, COLUMNS: '100' },
  })

const commands = [...help().matchAll(/^ {2}([a-z-]+)(?: \[options\]| <| \[|\s)/gm)]
  .map((match) => match[1] ?? '')
  .filter((name) => !name.startsWith('-') && name !== 'help')

test('the commands are those of the golden list', async () => {
  await expect(help()).toMatchFileSnapshot('help/millcourse.golden.txt')
  expect(commands).toHaveLength(25)
})

const below = [
  ...['runs show', 'incidents show', 'incidents ack', 'incidents silence', 'alerts test', 'quality replay'],
  ...['status', 'pause', 'resume', 'cancel', 'approve', 'retry'].map((word) => `backfill ${word}`),
]

test.each([...commands, ...below])('millcourse %s --help has an example', async (name) => {
  const text = help(...name.split(' '))
  expect(text).toMatch(/\nExample:\n {2}\$ .*millcourse /)
  await expect(text).toMatchFileSnapshot(`help/${name.replaceAll(' ', '-')}.golden.txt`)
})
