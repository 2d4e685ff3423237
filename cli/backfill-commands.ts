/** The commands of backfills, as program.ts has the others. */
import { type Command, Option } from 'commander'
import { type BindBody, dollars, example, positiveInteger } from './command-words.js'
import type { CliContext } from './context.js'

export function addBackfillCommands(program: Command, body: BindBody): void {
  const fill = program
    .command('backfill')
    .argument('<view>')
    .description('plan a range with its price, then run it below scheduled runs and publish once')
    .option('--from <instant>', 'first interval start')
    .option('--to <instant>', 'end of the last interval')
    // Their defaults are the command's: a plan has its own, beside which none may be named.
    .addOption(
      new Option('--order <order>', 'which end of the range runs first, else the oldest').choices(['oldest', 'newest']),
    )
    .option('--at-once <runs>', 'runs under way at a time (default: 4)', positiveInteger)
    .option('--force', 'run what is done again, too')
    .option('--stop-on-failure', 'begin nothing more after the first failed run')
    .option('--dry-run', 'only show the plan, whatever else is said')
    .option('--plan <id>', 'start exactly the plan that was shown')
    .option('--yes', 'plan and start in one go')
    .option('--reason <text>', 'why; kept with the backfill and in the audit')
    .option('--cost-max <dollars>', 'one that is estimated dearer waits for `backfill approve`', dollars)
    .option('--wait', 'show its progress until it ends')
    .addHelpText(
      'after',
      example(
        'millcourse backfill airport_delays --from 2001-01-01T00:00:00Z --to 2001-01-03T00:00:00Z',
        'millcourse backfill airport_delays --plan 3f2a91c07b44 --reason "files of January were corrected"',
        'millcourse backfill status',
      ),
    )
    .action(body(async () => (await import('./commands/backfill.js')).backfill))
  fill
    .command('status')
    .argument('[backfill]', 'the id, or its beginning (default: the latest of all views)')
    .description('how far backfills are: done, failed, held, left, and until when')
    .option('--wait', 'show its progress until it ends')
    .addHelpText('after', example('millcourse backfill status', 'millcourse backfill status 3f2a --wait'))
    .action(body(async () => (await import('./commands/backfill-status.js')).backfillStatus))
  for (const [name, description] of [
    ['pause', 'begin nothing more until it is resumed; runs under way finish'],
    ['resume', 'go on with a paused one'],
    ['cancel', 'end it: publish what it has committed, free the rest'],
    ['approve', 'let one begin that costs more than it may'],
  ] as const)
    fill
      .command(name)
      .argument('<backfill>', 'the id, or its beginning')
      .description(description)
      .option('--reason <text>', 'why; kept in the audit')
      .addHelpText('after', example(`millcourse backfill ${name} 3f2a --reason "the lake is busy"`))
      .action(
        body(async () => {
          const { changeBackfill } = await import('./commands/backfill-change.js')
          return (context: CliContext, id: string, options: { readonly reason?: string }) =>
            changeBackfill(context, name, id, options)
        }),
      )
  fill
    .command('retry')
    .argument('<backfill>', 'the id, or its beginning')
    .description('run again what failed in one that is over')
    .option('--failed', 'what failed: there is nothing else to try again')
    .option('--dry-run', 'only show the plan, whatever else is said')
    .option('--yes', 'plan and start in one go')
    .option('--reason <text>', 'why; kept with the new backfill and in the audit')
    .option(
      '--cost-max <dollars>',
      'dearer it waits for `backfill approve` (default: the limit of the one that it retries)',
      dollars,
    )
    .option('--wait', 'show its progress until it ends')
    .addHelpText(
      'after',
      example(
        'millcourse backfill retry 3f2a --failed   # the plan, with its price',
        'millcourse backfill retry 3f2a --failed --yes --reason "the file was written again"',
      ),
    )
    .action(body(async () => (await import('./commands/backfill-change.js')).retryBackfill))
}
