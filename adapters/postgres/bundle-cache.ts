import type { ViewBundle } from '../../core/define/definitions.js'

/**
 * Every step of every run asks for its view, and the answer is another one only once something was applied: the newest revision
 * is asked for each time, the definitions once per revision.
 */
export class BundleCache {
  #revision = 0
  readonly #bundles = new Map<string, ViewBundle>()

  async of(
    revision: number,
    name: string,
    version: number | undefined,
    read: () => Promise<ViewBundle>,
  ): Promise<ViewBundle> {
    if (revision > this.#revision) {
      this.#revision = revision
      this.#bundles.clear()
    }
    const label = JSON.stringify([name, version ?? null])
    const known = revision === this.#revision ? this.#bundles.get(label) : undefined
    if (known) return known
    const bundle = await read()
    if (revision === this.#revision) this.#bundles.set(label, bundle)
    return bundle
  }
}
