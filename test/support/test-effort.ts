/** Cases that a search plays: as many as find what the tests remove on purpose; `MILLCOURSE_TEST_EFFORT=3` plays three times as many. */
export function casesOf(count: number): number {
  return Math.ceil(count * Number(process.env.MILLCOURSE_TEST_EFFORT ?? 1))
}
