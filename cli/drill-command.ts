/** The command that breaks things on purpose, as program.ts has the others. */
import { type Command, Option } from 'commander'
import { type BindBody, example, positiveInteger } from './command-words.js'

export function addDrillCommand(program: Command, body: BindBody): void {
  program
    .command('drill')
    .argument('<name...>', '`list`, `all`, or the names of drills')
    .description('break a part on purpose, see that the alarm comes, and that nothing was lost')
    .option('--report <dir>', 'where the reports go', 'drill-reports')
    .option(
      '--staging',
      'on the stack of the environment, which has to be marked as staging; else on one of their own. What cannot be broken there is `not possible here`, and no failure',
    )
    .option('--canary', 'cut the alarm: the drill has to fail')
    .option('--with-canaries', 'before each drill its canary; one that does not fail of its alarm fails the command')
    .option('--at-once <count>', 'so many side by side', positiveInteger, 1)
    .addOption(
      new Option('--every <span>', 'length of an interval; a busy machine needs a longer one')
        .choices(['5s', '10s', '15s', '20s', '30s', '60s'])
        .default('10s'),
    )
    .addHelpText(
      'after',
      example('millcourse drill list', 'millcourse drill kill-worker', 'millcourse drill all --with-canaries --json'),
    )
    .action(body(async () => (await import('./commands/drill.js')).drill))
}
