/** The commands that look back on quality, as program.ts has the others. */
import { type Command, Option } from 'commander'
import { type BindBody, example, list } from './command-words.js'

export function addQualityCommands(program: Command, body: BindBody): void {
  const quality = program
    .command('quality')
    .argument('<view>')
    .description('what runs of a view have shown of its rows, over time: rows, nulls, means')
    .option('--feature <names>', 'only these, comma-separated', list)
    .option(
      '--from <instant>',
      'first interval start, at most 10,000 intervals before the end (default: 7 days before it)',
    )
    .option('--to <instant>', 'end (default: that of the newest run)')
    .addOption(new Option('--by <span>', 'a point for each').choices(['interval', 'day', 'week']).default('interval'))
    .addHelpText(
      'after',
      example(
        'millcourse quality airport_delays --feature delay_avg_24h',
        'millcourse quality airport_delays --by day --from 2001-01-01T00:00:00Z --json',
        "millcourse quality replay airport_delays --check 'delay_avg_24h.nullRateMax=0.1'",
      ),
    )
    .action(body(async () => (await import('./commands/quality.js')).quality))
  quality
    .command('replay')
    .argument('<view>')
    .requiredOption(
      '--check <limit...>',
      'FEATURE.nullRateMax=0.1, FEATURE.drift.sigmaMax=3, rows.min=1, drift.volumeChangeMax=0.5; several are tried together',
    )
    .option(
      '--from <instant>',
      'first interval start, at most 10,000 intervals before the end (default: 28 days before it)',
    )
    .option('--to <instant>', 'end (default: that of the newest run)')
    .description('how often limits would have fired, before they are switched on')
    .addHelpText(
      'after',
      example(
        "millcourse quality replay airport_delays --check 'delay_avg_24h.nullRateMax=0.1'",
        'millcourse quality replay airport_delays --check delay_avg_24h.drift.sigmaMax=3 drift.volumeChangeMax=0.5',
      ),
    )
    .action(body(async () => (await import('./commands/quality-replay.js')).qualityReplay))
}
