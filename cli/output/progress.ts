/** Progress goes to stderr: a line that moves on a terminal, plain lines in a pipe, nothing beside `--json`. */
export interface Progress {
  /** A step under way, with its newest count; replaces the line before it on a terminal. */
  update(text: string): void
  /** A line that stays. */
  line(text: string): void
  /** Clears what moves. */
  end(): void
}

export async function newProgress(options: { readonly isJson: boolean }): Promise<Progress> {
  if (options.isJson) return { update() {}, line() {}, end() {} }
  return process.stderr.isTTY ? terminalProgress() : pipeProgress((text) => process.stderr.write(`${text}\n`))
}

async function terminalProgress(): Promise<Progress> {
  const { default: ora } = await import('ora')
  const spinner = ora({ stream: process.stderr, discardStdin: false })
  return {
    update(text) {
      if (spinner.isSpinning) spinner.text = text
      else spinner.start(text)
    },
    line(text) {
      const moving = spinner.isSpinning ? spinner.text : null
      spinner.stop()
      process.stderr.write(`${text}\n`)
      if (moving !== null) spinner.start(moving)
    },
    end() {
      spinner.stop()
    },
  }
}

/** A count that rises by one would fill a log: at most one update a second, and only when it says something new. */
export function pipeProgress(write: (text: string) => void, nowMs: () => number = () => performance.now()): Progress {
  let last = ''
  let writtenAt = Number.NEGATIVE_INFINITY
  return {
    update(text) {
      if (text === last || nowMs() - writtenAt < 1_000) return
      last = text
      writtenAt = nowMs()
      write(text)
    },
    line(text) {
      write(text)
    },
    end() {},
  }
}
