import { join, relative, resolve } from 'node:path'
import {
  collectDeclarations,
  type Declaration,
  type Declared,
  type Definition,
  type FeatureRepo,
  isDeclared,
  type Problem,
  type SourceLocation,
  validateRepo,
} from '../../core/define/index.js'
import { MillcourseError } from '../../core/errors.js'
import { bundledFilesMin, importBundled } from './bundled-definitions.js'
import { definitionFiles } from './definition-files.js'
import { type DefinitionImporter, inTurn, ownPackage, withImporter } from './definition-importer.js'
import { type LoadFailure, loadFailure } from './load-failure.js'
import { readProject } from './project-file.js'

export interface FeatureRepoReading {
  /** What could be read; may be applied only when there are no problems. */
  readonly repo: FeatureRepo
  readonly problems: readonly MillcourseError[]
}

/**
 * All definitions of a team's feature repo, checked as a whole.
 * @throws MillcourseError REPO_NOT_FOUND, CONFIG_INVALID, REPO_LOAD_FAILED, DEFINE_*. Several problems become one error that lists
 * them, with an AggregateError of all as its cause; `readFeatureRepo` hands them out one by one.
 */
export async function loadFeatureRepo(dir: string): Promise<FeatureRepo> {
  const { repo, problems } = await readFeatureRepo(dir)
  const [first] = problems
  if (!first) return repo
  if (problems.length === 1) throw new MillcourseError(first.code, formatProblem(first), first.detail)
  throw new MillcourseError(
    first.code,
    `${problems.length} problems in ${dir}:\n${problems.map((one) => `  ${formatProblem(one)}`).join('\n')}`,
    {
      cause: new AggregateError(problems),
      hint: 'correct them; `millcourse plan` looks again and changes nothing',
      facts: { problems: problems.length },
    },
  )
}

/** The same, with every problem as a value. @throws MillcourseError REPO_NOT_FOUND, CONFIG_INVALID */
export async function readFeatureRepo(dir: string): Promise<FeatureRepoReading> {
  const root = resolve(dir)
  const project = await readProject(dir)
  const files = await definitionFiles(root)
  const { declarations, exported, failures } =
    (await importTogether(files)) ?? (await withImporter((importer) => importAll(importer, files, root)))
  const declared = declarations.map((declaration) => declaration.declared)
  const repo = repoOf(project, [...new Set([...declared, ...exported])], root)
  const failedFiles = new Set(failures.map((failure) => join(root, failure.file)))
  const notExported = declared
    .filter((one) => !exported.has(one) && !failedFiles.has(one.definition.at?.file ?? ''))
    .map((one) => notExportedProblem(one.definition))
  const problems = [...declarations.flatMap((declaration) => declaration.problems), ...notExported]
  const errors = [
    ...distinct(failures).map((failure) => failure.error),
    ...problems.map((problem) => errorOf(problem, root)),
    ...validateRepo(repo, faultyViews(declarations)),
  ]
  return { repo, problems: errors.sort((a, b) => comparePlaces(a.detail.facts ?? {}, b.detail.facts ?? {})) }
}

function faultyViews(declarations: readonly Declaration[]): ReadonlySet<string> {
  const faulty = declarations.filter(({ problems }) => problems.length > 0)
  return new Set(
    faulty
      .map(({ declared: { definition } }) => definition)
      .flatMap(({ kind, name }) => (kind === 'view' ? [name] : [])),
  )
}

/** Files are imported side by side, so what is found first says nothing: by file and line. */
function comparePlaces(a: Place, b: Place): number {
  const [fileA, fileB] = [String(a.file ?? ''), String(b.file ?? '')]
  if (fileA !== fileB) return fileA < fileB ? -1 : 1
  return Number(a.line ?? 0) - Number(b.line ?? 0)
}

type Place = Readonly<Record<string, string | number>>

interface Imported {
  /** Every definition that was made, with what is wrong with it. */
  readonly declarations: readonly Declaration[]
  readonly exported: ReadonlySet<Declared>
  readonly failures: readonly LoadFailure[]
}

/** Null: one by one. */
async function importTogether(files: readonly string[]): Promise<Imported | null> {
  const { own, isCompiled } = ownPackage()
  if (!isCompiled || files.length < bundledFilesMin) return null
  return await inTurn(async () => {
    const declarations: Declaration[] = []
    const collecting = collectDeclarations((declaration) => declarations.push(declaration))
    try {
      const modules = await importBundled(files, own)
      if (modules === null) return null
      const exported = new Set<Declared>()
      for (const values of modules) for (const value of Object.values(values)) collectExported(value, exported)
      return { declarations, exported, failures: [] }
    } finally {
      collecting.stop()
    }
  })
}

async function importAll(importer: DefinitionImporter, files: readonly string[], root: string): Promise<Imported> {
  const declarations: Declaration[] = []
  const exported = new Set<Declared>()
  const failures: LoadFailure[] = []
  const collecting = collectDeclarations((declaration) => declarations.push(declaration))
  try {
    const imports = await Promise.allSettled(files.map((file) => importer.import(file)))
    imports.forEach((result, index) => {
      if (result.status === 'rejected') failures.push(loadFailure(result.reason, files[index]!, root))
      else for (const value of Object.values(result.value)) collectExported(value, exported)
    })
  } finally {
    collecting.stop()
  }
  return { declarations, exported, failures }
}

/** An exported definition, or several in an array or an object. */
function collectExported(value: unknown, into: Set<Declared>): void {
  if (isDeclared(value)) into.add(value)
  else if (Array.isArray(value) || isLiteral(value))
    for (const item of Object.values(value)) if (isDeclared(item)) into.add(item)
}

function isLiteral(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

function repoOf(project: string, all: readonly Declared[], root: string): FeatureRepo {
  const definitions = all
    .map(({ definition }) => ({ ...definition, at: relativeLocation(definition.at, root) }))
    .sort((a, b) => (a.name === b.name ? comparePlaces({ ...a.at }, { ...b.at }) : a.name < b.name ? -1 : 1))
  const ofKind = <Kind extends Definition['kind']>(kind: Kind) =>
    definitions.filter((one): one is Extract<Definition, { kind: Kind }> => one.kind === kind)
  return {
    project,
    entities: ofKind('entity'),
    sources: ofKind('source'),
    views: ofKind('view'),
    services: ofKind('service'),
  }
}

function relativeLocation(at: SourceLocation | null, root: string): SourceLocation | null {
  return at && { file: relative(root, at.file), line: at.line }
}

/** Silently leaving it out, or silently applying a draft, would both surprise. */
function notExportedProblem(definition: Definition): Problem {
  return {
    code: 'DEFINE_INVALID',
    message: `${definition.kind} '${definition.name}' is not exported`,
    hint: 'write `export const` before it, or remove it',
    facts: { name: definition.name, ...(definition.at ? { file: definition.at.file, line: definition.at.line } : {}) },
  }
}

function errorOf({ code, message, hint, facts = {} }: Problem, root: string): MillcourseError {
  const file = typeof facts.file === 'string' ? { file: relative(root, facts.file) } : {}
  return new MillcourseError(code, message, { ...(hint ? { hint } : {}), facts: { ...facts, ...file } })
}

/** A file that fails to load fails every file that imports it, with the same error. */
function distinct(failures: readonly LoadFailure[]): LoadFailure[] {
  return failures.filter(
    (failure, index) => failures.findIndex((other) => other.error.message === failure.error.message) === index,
  )
}

/** `views/a.ts:12: view 'a' has no features`. */
function formatProblem({ message, detail: { facts = {} } }: MillcourseError): string {
  const isPlaced = !facts.file || message.startsWith(String(facts.file))
  return isPlaced ? message : `${facts.file}:${facts.line}: ${message}`
}
