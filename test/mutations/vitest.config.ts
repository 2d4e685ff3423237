import { defineConfig } from 'vitest/config'

/** For a mutated tree: no servers but those that a test starts itself, and nothing written outside of the tree. */
export default defineConfig({
  cacheDir: '.vitest-cache',
  resolve: { alias: { millcourse: new URL('../../core/define/index.ts', import.meta.url).pathname } },
  test: {
    include: ['**/*.test.ts'],
    exclude: ['node_modules/**', 'infra/**'],
    setupFiles: [new URL('no-shrinking.ts', import.meta.url).pathname],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    isolate: false,
    maxWorkers: 1,
    // All but one of the files are those of the mutation before.
    experimental: { fsModuleCache: true, fsModuleCachePath: '.vitest-cache/modules' },
  },
})
