import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'

const sampleEveryMs = 200

/** DuckDB tells what it holds now, not what it held at most: sampled while statements run, and once after each. */
export class MemoryWatch {
  readonly #connection: Promise<DuckDBConnection>
  #peak = 0
  #watchers = 0
  #timer: NodeJS.Timeout | undefined
  #sampling: Promise<void> | null = null

  constructor(instance: DuckDBInstance) {
    this.#connection = instance.connect()
  }

  /** Samples until the returned function is called. */
  watch(): () => void {
    this.#watchers++
    if (!this.#timer) {
      this.#timer = setInterval(() => this.#sampleOnce(), sampleEveryMs)
      this.#timer.unref()
    }
    return () => {
      if (--this.#watchers === 0) {
        clearInterval(this.#timer)
        this.#timer = undefined
      }
    }
  }

  async peakBytes(): Promise<number> {
    await this.#sampleOnce()
    return this.#peak
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#sampling
    ;(await this.#connection).closeSync()
  }

  #sampleOnce(): Promise<void> {
    this.#sampling ??= this.#sample().finally(() => {
      this.#sampling = null
    })
    return this.#sampling
  }

  async #sample(): Promise<void> {
    try {
      const result = await (await this.#connection).run('SELECT sum(memory_usage_bytes)::DOUBLE FROM duckdb_memory()')
      const [[bytes]] = (await result.getRows()) as [[number]]
      this.#peak = Math.max(this.#peak, bytes)
    } catch {
      // Where memory is so short that even this fails, the statement under way says so; one sample less.
    }
  }
}
