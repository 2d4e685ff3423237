/** `millcourse drill …` as people have it: the built program, its report as JSON, its exit code. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { DrillReport } from '../../drill/index.js'

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

export interface DrillsDone {
  readonly exitCode: number | string | null
  readonly said: {
    readonly outcome?: string
    readonly notPossibleHere?: number
    readonly drills?: (DrillReport & { readonly report: string })[]
  }
  readonly error: { readonly code?: string }
}

/** @param dir its working folder, and where the reports go @param environment beside the test's own */
export function runDrillCommand(
  words: readonly string[],
  dir: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<DrillsDone> {
  const args = [program, 'drill', ...words, '--report', dir, '--json']
  const env = { ...process.env, ...environment }
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env, cwd: dir, maxBuffer: 64 * 1_048_576 }, (failure, stdout, stderr) => {
      const error = /^\{"error.*$/m.exec(stderr)?.[0]
      resolve({
        exitCode: failure === null ? 0 : (failure.code ?? null),
        said: stdout === '' ? {} : JSON.parse(stdout),
        error: error === undefined ? {} : JSON.parse(error).error,
      })
    })
  })
}
