/**
 * The commands as commander sees them: names, options, an example each. What a command does lies in `commands/` and is imported
 * when it runs, so that `--help` waits for nothing.
 */
import { Command } from 'commander'
import { addBackfillCommands } from './backfill-commands.js'
import { type BindBody, example, handDownOptions, type LoadBody, list, positiveInteger } from './command-words.js'
import type { CliContext, Report } from './context.js'
import { addDrillCommand } from './drill-command.js'
import { addQualityCommands } from './quality-commands.js'

export interface GlobalOptions {
  readonly repo?: string
  readonly json?: boolean
  readonly now?: string
}

/** Runs a command's body with an open context and prints its report; given by command-process.ts. */
export type Runner = (globals: GlobalOptions, body: (context: CliContext) => Promise<Report>) => Promise<void>

export function buildProgram(run: Runner, version: string): Command {
  const program: Command = new Command('millcourse')
    .description('The batch side of a feature store: views in TypeScript, materialized hourly into DynamoDB.')
    .version(version)
    .option('--repo <dir>', 'the feature repo (default: the nearest folder upward with a millcourse.json)')
    .option('--json', 'one JSON document on stdout instead of text')
    .option('--now <instant>', 'pretend it is this time, for plan, ttl and watcher')
    // A command below another one has none of that one's options, which commander would list, too.
    .configureHelp({
      showGlobalOptions: true,
      visibleGlobalOptions: (command) => (command === program ? [] : [...program.options]),
    })
    .addHelpText('after', '\nExit codes: 0 done, 2 partly, 1 failed, 64-78 an error (docs/errors.md), 130 interrupted.')
    .exitOverride()
    .configureOutput({ outputError: () => {} })

  const body: BindBody =
    <Arguments extends unknown[]>(load: LoadBody<Arguments>) =>
    async (...all) => {
      const command = all.at(-1) as Command
      const args = all.slice(0, -1) as unknown as Arguments
      await run(command.optsWithGlobals<GlobalOptions>(), async (context) => (await load())(context, ...args))
    }

  program.commandsGroup('Start here:')
  program
    .command('init')
    .argument('[directory]', 'where to make it', '.')
    .description('make a feature repo that runs')
    .option('--example <name>', 'sample (generated) or flights (needs the npm package vega-datasets)', 'sample')
    .addHelpText('after', example('millcourse init shop', 'cd shop && millcourse dev'))
    .action(body(async () => (await import('./commands/init.js')).init))
  program
    .command('dev')
    .description('start the whole local stack; Ctrl-C stops it')
    .option('--no-worker', 'without the worker, to run it elsewhere')
    .option('--no-watcher', 'without the watcher')
    .option('--no-server', 'without the serving API')
    .addHelpText(
      'after',
      example('millcourse dev', 'millcourse dev --no-worker   # and `millcourse worker` in a debugger'),
    )
    .action(body(async () => (await import('./commands/dev.js')).dev))
  program
    .command('doctor')
    .description('what is reachable, what is wrong, what to do')
    .addHelpText('after', example('millcourse doctor'))
    .action(body(async () => (await import('./commands/doctor.js')).doctor))

  program.commandsGroup('Definitions:')
  program
    .command('plan')
    .description('show what `apply` would change')
    .option('--offline', 'check the definitions alone, without asking what is applied')
    .addHelpText('after', example('millcourse plan --repo feature_repo', 'millcourse plan --offline'))
    .action(body(async () => (await import('./commands/plan.js')).plan))
  program
    .command('apply')
    .description('register the definitions and bring the schedules in line')
    .option('--paused', 'create or update the schedules paused')
    .option('--verify', 'ask Temporal for each schedule, in case a hand has changed one')
    .addHelpText('after', example('millcourse apply'))
    .action(body(async () => (await import('./commands/apply.js')).apply))

  program
    .command('migrate')
    .description('bring the database’s schema up to date')
    .option('--check', 'only say what would be done; exit code 1 when there is something')
    .addHelpText('after', example('millcourse migrate --check', 'millcourse migrate'))
    .action(body(async () => (await import('./commands/migrate.js')).migrate))

  program.commandsGroup('Runs:')
  program
    .command('materialize')
    .argument('<view>')
    .description('run every interval that the ledger lacks, oldest first, and wait for them')
    .option('--from <instant>', 'first interval start (default: the view’s since)')
    .option('--to <instant>', 'end of the last interval (default: now)')
    .option('--timeout <duration>', 'wait at most so long', '1h')
    .option('--no-wait', 'start the first runs and return')
    .addHelpText(
      'after',
      example(
        'millcourse materialize airport_delays',
        'millcourse materialize airport_delays --from 2001-01-01T00:00:00Z --to 2001-01-03T00:00:00Z',
      ),
    )
    .action(body(async () => (await import('./commands/materialize.js')).materialize))
  addBackfillCommands(program, body)
  program
    .command('compact')
    .argument('[view]', 'of one view (default: of all)')
    .description('write small committed files anew as few, and remove what is needed no more')
    .option('--dry-run', 'say what would be written, without doing it')
    .addHelpText('after', example('millcourse compact --dry-run', 'millcourse compact airport_delays'))
    .action(body(async () => (await import('./commands/compact.js')).compact))
  const runs = program
    .command('runs')
    .description('list runs, newest first')
    .option('--view <view>', 'of one view')
    .option('--outcome <outcomes>', 'of these outcomes, comma-separated: failed,held', list)
    .option('--limit <count>', 'at most so many', positiveInteger, 20)
    .option('--before <run>', 'only those that started before this one')
    .addHelpText('after', example('millcourse runs --outcome failed,held', 'millcourse runs show 7f3a'))
    .action(body(async () => (await import('./commands/runs.js')).runs))
  runs
    .command('show')
    .argument('<run>', 'the id, or its beginning; or VIEW@START')
    .description('one run: what failed, the first cause, what to do')
    .addHelpText(
      'after',
      example('millcourse runs show 7f3a', 'millcourse runs show airport_delays@2001-01-01T05:00:00Z'),
    )
    .action(body(async () => (await import('./commands/runs-show.js')).showRun))
  program
    .command('decide')
    .argument('<run>', 'the id, or its beginning; or VIEW@START')
    .argument('<action>', 'accept, reject or rerun')
    .requiredOption('--reason <text>', 'why; kept with the decision')
    .option('--no-wait', 'return when the decision is recorded')
    .description('decide on a held, failed or overdue interval')
    .addHelpText(
      'after',
      example('millcourse decide airport_delays@2001-01-02T05:00:00Z accept --reason "strike, values are true"'),
    )
    .action(body(async () => (await import('./commands/decide.js')).decide))
  program
    .command('cost')
    .argument('[view]', 'of one view, by kind of work (default: of all)')
    .option('--from <day>', 'first day, UTC: 2026-11-22 (default: 6 days before the last)')
    .option('--to <day>', 'last day (default: today)')
    .description('what work has cost by day and view, and what skipping unchanged values saved')
    .addHelpText('after', example('millcourse cost', 'millcourse cost airport_delays --from 2026-11-01 --json'))
    .action(body(async () => (await import('./commands/cost.js')).cost))
  const incidents = program
    .command('incidents')
    .description('what is wrong now, one entry a cause')
    .option('--all', 'resolved ones too')
    .option('--limit <count>', 'at most so many', positiveInteger, 20)
    .option('--before <number>', 'with --all: the page before, as a listing names it', positiveInteger)
    .addHelpText('after', example('millcourse incidents --all'))
    .action(body(async () => (await import('./commands/incidents.js')).incidents))
  incidents
    .command('show')
    .argument('<key>', 'or its beginning')
    .description('one incident: what it hits, the next command, its history')
    .addHelpText('after', example('millcourse incidents show held/airport_delays@v1'))
    .action(body(async () => (await import('./commands/incidents-show.js')).showIncident))
  incidents
    .command('ack')
    .argument('<key>', 'or its beginning')
    .description('say that somebody has it in hand: it escalates no more')
    .option('--by <name>', 'who (default: you)')
    .option('--note <text>', 'what is being done')
    .addHelpText('after', example('millcourse incidents ack held/airport_delays@v1 --note "asking the producer"'))
    .action(body(async () => (await import('./commands/incidents-ack.js')).acknowledgeIncident))
  incidents
    .command('silence')
    .argument('<key>', 'or its beginning')
    .requiredOption('--for <duration>', 'how long; 0s ends a silence')
    .requiredOption('--reason <text>', 'why; kept with it')
    .option('--by <name>', 'who (default: you)')
    .description('tell nothing more of it until a time, then again if it is still open')
    .addHelpText(
      'after',
      example('millcourse incidents silence held/airport_delays@v1 --for 2h --reason "known strike"'),
    )
    .action(body(async () => (await import('./commands/incidents-silence.js')).silenceIncident))
  const alerts = program
    .command('alerts')
    .description('the channels that incidents are told by')
    .addHelpText('after', example('millcourse alerts test ads-oncall'))
  alerts
    .command('test')
    .argument('[channel...]', 'these (default: all)')
    .description('send a test incident and its end, and say what came back')
    .addHelpText('after', example('millcourse alerts test', 'millcourse alerts test ads-oncall'))
    .action(body(async () => (await import('./commands/alerts-test.js')).testAlerts))

  program.commandsGroup('Values:')
  program
    .command('get')
    .argument('<name>', 'a view or a service')
    .argument('<key=value...>', 'every key of its entity')
    .description('read an online vector')
    .addHelpText(
      'after',
      example('millcourse get airport_delays origin=ATL', 'millcourse get delay_model origin=ATL destination=ORD'),
    )
    .action(body(async () => (await import('./commands/get.js')).get))
  program
    .command('explain')
    .argument('<view>', 'a view, or VIEW@v1')
    .argument('<key...>', 'every key of its entity: origin=ATL')
    .requiredOption('--at <instant>', 'as training sees it at this time')
    .option('--features <names>', 'only these, comma-separated', list)
    .description('why a value is what it is, from source row to online')
    .addHelpText('after', example('millcourse explain airport_delays origin=ATL --at 2001-01-02T13:00:00Z'))
    .action(body(async () => (await import('./commands/explain.js')).explain))
  addQualityCommands(program, body)
  program
    .command('check-quality')
    .argument('[view...]', 'these views (default: all)')
    .description('draw keys, compute them again from source rows, compare with what is served and stored')
    .option('--sample <keys>', 'keys of each view', positiveInteger, 100)
    .option('--seed <number>', 'draw the same keys again', positiveInteger)
    .option('--repair', 'have what is at fault committed and published anew')
    .option('--reason <text>', 'why; kept with a repair')
    .option('--last', 'tell of the last checks, check nothing')
    .option('--timeout <duration>', 'wait at most so long for a repair', '10m')
    .addHelpText(
      'after',
      example(
        'millcourse check-quality',
        'millcourse check-quality airport_delays --sample 1000',
        'millcourse check-quality airport_delays --repair --reason "table was edited by hand"',
      ),
    )
    .action(body(async () => (await import('./commands/check-quality.js')).checkQuality))
  program
    .command('training-set')
    .description('join features onto a spine, as they were known at each row’s time')
    .option('--spine <file>', 'Parquet or CSV, also s3://bucket/x.parquet: keys, a time, any other columns')
    .option('--spine-sql <query>', 'instead: a SELECT over such files, or the name of a .sql file that holds one')
    .option('--event-time <column>', 'the spine’s time')
    .option(
      '--features <names>',
      'VIEW:feature, VIEW:* or service:NAME, comma-separated; ALIAS=VIEW:feature or ALIAS=VIEW to join a view twice',
      list,
    )
    .option(
      '--map <pairs>',
      'VIEW.key=column (or ALIAS.key=column), where a spine column has another name; comma-separated, so no column with a comma in its name',
      list,
    )
    .option('--as-served', 'as online reads answer: at each view’s newest interval end, its lag before the row')
    .option('--as-published', 'as online reads answered then: from what had been published at the row’s time')
    .option('--out <place>', 'the Parquet file to write, or a folder/ of parts; also s3://bucket/x.parquet')
    .option('--partition-rows <count>', 'most rows of a part (default: 1000000)', positiveInteger)
    .option('--overwrite', 'replace what is there')
    .option('--keep <duration>', 'how long the lake keeps the files it was made of', '90d')
    .option('--rebuild <manifest>', 'make the set of this manifest again, or say what has changed since')
    .option('--explain', 'only say what it would read and take: intervals, files, bytes, memory')
    .option('--pinned', 'with --rebuild: from the files it was made of, whatever was committed since')
    .addHelpText(
      'after',
      example(
        'millcourse training-set --spine spine.parquet --event-time at --features airport_delays:delay_avg_24h,last_departure:delay --out train.parquet',
        'millcourse training-set --spine-sql "SELECT * FROM \'orders.parquet\' ORDER BY at" --event-time at --features service:delay_model --out train/',
        'millcourse training-set --rebuild train.parquet.manifest.json --out again.parquet',
      ),
    )
    .action(body(async () => (await import('./commands/training-set.js')).trainingSet))

  program.commandsGroup('Keeping:')
  program
    .command('backup')
    .requiredOption('--out <place>', 'a folder or s3://bucket/prefix; the backup gets a folder of its own below it')
    .description('write registry and ledger to files, in one snapshot; runs go on meanwhile')
    .addHelpText('after', example('millcourse backup --out backups', 'millcourse backup --out s3://bucket/backups'))
    .action(body(async () => (await import('./commands/backup.js')).backup))
  program
    .command('restore')
    .requiredOption('--from <place>', 'the folder that `millcourse backup` printed')
    .option('--replace', 'in the place of a registry and ledger that are there; they are kept under another name')
    .option('--accept-lost-files', 'though the lake lacks most committed files; their intervals run again')
    .description('put a backup back, all or nothing, and bring it in line with the lake and the online store')
    .addHelpText('after', example('millcourse restore --from backups/shop-20010131T033000Z'))
    .action(body(async () => (await import('./commands/restore.js')).restore))

  addDrillCommand(program, body)

  program.commandsGroup('Processes:')
  program
    .command('worker')
    .description('run workflows and activities until stopped')
    .addHelpText('after', example('TEMPORAL_ADDRESS=temporal:7233 millcourse worker --repo feature_repo'))
    .action(body(async () => (await import('./commands/worker.js')).worker))
  program
    .command('watcher')
    .description('watch ledger and scheduler and raise incidents until stopped')
    .addHelpText('after', example('millcourse watcher --repo feature_repo'))
    .action(body(async () => (await import('./commands/watcher.js')).watcher))
  program
    .command('server')
    .description('serve online vectors over HTTP until stopped; knows no Temporal')
    .addHelpText('after', example('MILLCOURSE_HTTP_HOST=0.0.0.0 MILLCOURSE_HTTP_PORT=8080 millcourse server'))
    .action(body(async () => (await import('./commands/server.js')).server))
  for (const command of program.commands) handDownOptions(command)
  return program
}
