/**
 * What a command or process takes for its environment: defaults of the feature repo, then what a local stack says of itself, then what is
 * really set. One whose environment names a part elsewhere takes nothing from a local stack: a folder with a living one would else give
 * it, say, an online store on this machine beside the team's own ledger.
 */
import { join } from 'node:path'
import type { Environment } from './config.js'
import { type StackFile, stateFolder } from './stack-file.js'

const partAddresses = [
  'MILLCOURSE_POSTGRES_URL',
  'MILLCOURSE_LAKE',
  'MILLCOURSE_DYNAMODB_ENDPOINT',
  'TEMPORAL_ADDRESS',
] as const

/** In a feature repo: to whom incidents are told. */
export const routesFile = 'alerts.yaml'

export interface ContextEnvironment {
  readonly environment: Record<string, string>
  /** Variables that keep a living local stack out. */
  readonly keptOutBy: readonly string[]
  /** Variables that the stack was started with and only the environment can tell; without them it is another stack. */
  readonly untold: readonly string[]
}

export interface ContextSources {
  readonly repoDir: string
  /** Null: there is no feature repo. */
  readonly project: string | null
  readonly hasRoutes?: boolean
  readonly stack: Pick<StackFile, 'environment' | 'outer'> | null
  readonly given: Environment
}

export function contextEnvironment({ repoDir, project, hasRoutes, stack, given }: ContextSources): ContextEnvironment {
  const set = givenVariables(given)
  const defaults = {
    ...(project === null ? {} : { MILLCOURSE_PROJECT: project }),
    MILLCOURSE_SOURCES: repoDir,
    MILLCOURSE_WATCH_STATE_DIR: join(stateFolder(repoDir), 'watcher'),
    MILLCOURSE_SERVER_STATE_DIR: join(stateFolder(repoDir), 'server'),
    ...(hasRoutes ? { MILLCOURSE_ALERT_ROUTES_FILE: join(repoDir, routesFile) } : {}),
  }
  const { environment: local = {}, outer = {} } = stack ?? {}
  // The same address said twice is no contradiction: a shell keeps what `millcourse dev` was started with.
  const isOwn = (name: string) => set[name] === local[name] || addressOf(set[name]!) === outer[name]
  const keptOutBy = stack === null ? [] : partAddresses.filter((name) => name in set && !isOwn(name))
  if (keptOutBy.length > 0) return { environment: { ...defaults, ...set }, keptOutBy, untold: [] }
  const untold = Object.keys(outer).filter((name) => !(name in set))
  return { environment: { ...defaults, ...local, ...set }, keptOutBy, untold }
}

/** What `StackFile.outer` keeps of a stack that starts in this environment. */
export function outerAddresses(environment: Environment): Record<string, string> {
  const started = ['MILLCOURSE_POSTGRES_URL', 'MILLCOURSE_DYNAMODB_ENDPOINT', 'TEMPORAL_ADDRESS']
  const told = Object.entries(givenVariables(environment)).filter(([name]) => started.includes(name))
  return Object.fromEntries(told.map(([name, address]) => [name, addressOf(address)]))
}

/** Who lets himself in, and how, is no part of an address; nor is it written down. */
function addressOf(address: string): string {
  if (!URL.canParse(address)) return address
  const url = new URL(address)
  url.username = url.password = ''
  for (const name of ['user', 'password']) url.searchParams.delete(name)
  return url.href
}

/** An empty variable is an unset one, and must not hide what the local stack says. */
function givenVariables(environment: Environment): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter((entry): entry is [string, string] => !!entry[1]))
}
