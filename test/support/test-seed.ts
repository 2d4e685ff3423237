/** Fresh at a desk, where a new failure is a find; in CI the same each time, so that a red build is the change's own fault. */
export function testSeed(variable: 'MILLCOURSE_TEST_SEED' | 'PROTOCOL_SEED', inCi: number): number {
  const given = process.env[variable]
  if (given !== undefined) return Number(given)
  return process.env.CI ? inCi : Math.floor(Math.random() * 1_000_000)
}
