/** Compiles small files that exist in memory only, all in one program, and gives back what the compiler says of each. */
import { join } from 'node:path'
import ts from 'typescript'

const root = join(import.meta.dirname, '../..')

/** By snippet name: the messages, whole chains flattened, in order. */
export function compileSnippets(snippets: Readonly<Record<string, string>>): Record<string, string[]> {
  const paths = new Map(Object.keys(snippets).map((name) => [join(root, 'test/types', `${name}.snippet.ts`), name]))
  const program = openProgram([...paths.keys()], (path) => snippets[paths.get(path) ?? ''])
  return Object.fromEntries([...paths].map(([path, name]) => [name, messagesOf(program, path)]))
}

/** What the compiler says of files on disk, by path. */
export function compileFiles(paths: readonly string[]): Record<string, string[]> {
  const program = openProgram(paths, () => undefined)
  return Object.fromEntries(paths.map((path) => [path, messagesOf(program, path)]))
}

/** With this project's own options, so that `millcourse` is its source. */
function openProgram(paths: readonly string[], textOf: (path: string) => string | undefined): ts.Program {
  const config = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile).config
  const parsed = ts.parseJsonConfigFileContent(config, { ...ts.sys, readDirectory: () => [] }, root)
  const { tsBuildInfoFile: _, ...inherited } = parsed.options
  const options: ts.CompilerOptions = { ...inherited, incremental: false, noUnusedLocals: false }
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile, getSourceFile } = host
  host.fileExists = (path) => textOf(path) !== undefined || fileExists.call(host, path)
  host.readFile = (path) => textOf(path) ?? readFile.call(host, path)
  host.getSourceFile = (path, ...rest) => {
    const text = textOf(path)
    if (text === undefined) return getSourceFile.call(host, path, ...rest)
    return ts.createSourceFile(path, text, ts.ScriptTarget.ES2023)
  }
  return ts.createProgram([...paths], options, host)
}

function messagesOf(program: ts.Program, path: string): string[] {
  const file = program.getSourceFile(path)
  const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
  return found.map((one) => ts.flattenDiagnosticMessageText(one.messageText, '\n'))
}
