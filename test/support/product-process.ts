/** A process of the product as production starts it: the built program, its environment and nothing else, real signals. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

export interface ProductProcess {
  readonly pid: number
  /** Exit code and signal. */
  readonly exited: Promise<[number | null, NodeJS.Signals | null]>
  /** All that it has said. */
  said(): string
  hears(text: string): Promise<void>
  /** Where its HTTP side listens, once it says so. */
  url(): Promise<string>
  kill(signal: NodeJS.Signals): void
  /** For `afterEach`: gone when it resolves. */
  end(): Promise<void>
}

export function startProduct(
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
  cwd: string,
): ProductProcess {
  const child = spawn(process.execPath, [program, ...command], { cwd, env: { PATH: process.env.PATH, ...environment } })
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => {
      said += part
    })
  return {
    pid: child.pid!,
    exited,
    said: () => said,
    hears: (text) =>
      vi.waitFor(
        () => {
          if (!said.includes(text)) throw new Error(`it did not say "${text}" but: ${said}`)
        },
        { timeout: 30_000, interval: 50 },
      ),
    url: () =>
      vi.waitFor(
        () => {
          const url = /"url":"(http:[^"]+)"/.exec(said)?.[1]
          if (url === undefined) throw new Error(`it does not listen: ${said}`)
          return url
        },
        { timeout: 30_000, interval: 50 },
      ),
    kill: (signal) => void child.kill(signal),
    async end() {
      child.kill('SIGKILL')
      await exited
    },
  }
}
