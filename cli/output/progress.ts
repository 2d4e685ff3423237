/** Progress goes to stderr: a line that moves on a terminal, plain lines in a pipe, nothing beside `--json`. */
export interface Progress {
  /**
   * A step under way, with its newest count; replaces the line before it on a terminal.
   * @param done which part of it is done, 0 to 1, where that is known: said in percent, on a terminal with the time that is left
   */
  update(text: string, done?: number): void
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
  const left = timeLeft()
  return {
    update(step, done) {
      const text = `${step}${done === undefined ? '' : `: ${percent(done)}`}${left(step, done)}`
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

/**
 * How long a step will still take if it goes on as it has so far, in words; nothing before a tenth of it is done, or three seconds have
 * passed. Work of several phases goes on otherwise, hence "about".
 */
export function timeLeft(nowMs: () => number = () => performance.now()): (step: string, done?: number) => string {
  let current = ''
  let startedMs = 0
  return (step, done) => {
    if (step !== current) {
      current = step
      startedMs = nowMs()
    }
    const passedMs = nowMs() - startedMs
    if (done === undefined || done < 0.1 || done >= 1 || passedMs < 3_000) return ''
    return `, about ${formatSeconds(Math.round((passedMs * (1 - done)) / done / 1_000))} left`
  }
}

function formatSeconds(seconds: number): string {
  return seconds < 120 ? `${Math.max(1, seconds)} s` : `${Math.round(seconds / 60)} min`
}

function percent(done: number): string {
  return `${Math.floor(done * 100)} %`
}

/** A count that rises by one would fill a log: at most one update a second, only when it says something new, and each tenth once. */
export function pipeProgress(write: (text: string) => void, nowMs: () => number = () => performance.now()): Progress {
  let last = ''
  let writtenAt = Number.NEGATIVE_INFINITY
  return {
    update(step, done) {
      const text = done === undefined || done < 0.1 ? step : `${step}: ${percent(Math.floor(done * 10) / 10)}`
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
