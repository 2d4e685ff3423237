import { defineConfig } from 'vitest/config'

/** One process for all files: the CDK is loaded, and the example synthesised, once. */
export default defineConfig({
  test: { include: ['test/**/*.test.ts'], testTimeout: 60_000, isolate: false, fileParallelism: false },
})
