/** Compiles small files that exist in memory only, all in one program, and gives back what the compiler says of each. */
import { join } from 'node:path'
import ts from 'typescript'

const root = join(import.meta.dirname, '../..')

/** By snippet name: the messages, whole chains flattened, in order. */
export function compileSnippets(snippets: Readonly<Record<string, string>>): Record<string, string[]> {
  const config = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile).config
  const parsed = ts.parseJsonConfigFileContent(config, { ...ts.sys, readDirectory: () => [] }, root)
  const { tsBuildInfoFile: _, ...inherited } = parsed.options
  const options: ts.CompilerOptions = { ...inherited, incremental: false, noUnusedLocals: false }
  const paths = new Map(Object.keys(snippets).map((name) => [join(root, 'test/types', `${name}.snippet.ts`), name]))
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile, getSourceFile } = host
  const textOf = (path: string) => snippets[paths.get(path) ?? '']
  host.fileExists = (path) => paths.has(path) || fileExists.call(host, path)
  host.readFile = (path) => textOf(path) ?? readFile.call(host, path)
  host.getSourceFile = (path, ...rest) => {
    const text = textOf(path)
    return text === undefined
      ? getSourceFile.call(host, path, ...rest)
      : ts.createSourceFile(path, text, ts.ScriptTarget.ES2023)
  }
  const program = ts.createProgram([...paths.keys()], options, host)
  return Object.fromEntries(
    [...paths].map(([path, name]) => {
      const file = program.getSourceFile(path)
      const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
      return [name, found.map((one) => ts.flattenDiagnosticMessageText(one.messageText, '\n'))]
    }),
  )
}
