import { readFileSync } from 'node:fs'
import { configVariables } from '../../workers/config.js'

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')

/** The words that the product's command line knows. */
export function productCommands(): string[] {
  return [...read('cli/program.ts').matchAll(/\.command\('([\w-]+)'\)/g)].map((match) => match[1]!)
}

/** Variables that a process parses, and those that only a command looks at, which are in the documents alone. */
export function knownVariables(): string[] {
  return [
    ...configVariables,
    ...[...read('docs/configuration.md').matchAll(/`([A-Z][A-Z0-9_]+)`/g)].map((match) => match[1]!),
  ]
}

/** Folders that a process is told to keep something in. */
export function writtenFolders(variables: Readonly<Record<string, string | undefined>>): string[] {
  return ['MILLCOURSE_SPILL_DIR', 'MILLCOURSE_WATCH_STATE_DIR', 'MILLCOURSE_SERVER_STATE_DIR'].flatMap(
    (name) => variables[name] ?? [],
  )
}
