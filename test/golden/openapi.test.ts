/** The API's contract with its clients. `npm run golden:update` after a change that is meant: what clients rely on is not taken away. */
import { expect, test } from 'vitest'
import { createServingApp } from '../../api/index.js'

test('the OpenAPI document', async () => {
  const app = createServingApp({
    definitions: () => null,
    store: { getItems: async () => [], getItemsAndEnd: async () => ({ items: [], end: null }) },
    clock: { now: () => 0n, realNow: () => 0n, monotonicMs: () => 0 },
    log: { error: () => {} },
    tokens: ['never-asked-for-here'],
    limits: { bodyBytesMax: 1, keysMax: 1, requestsMax: 1, timeoutMs: 1 },
    version: '0.0.0',
  })
  // It needs no token, and no definitions.
  const answer = await app.request('/openapi.json')
  expect(answer.status).toBe(200)
  const text = `${JSON.stringify(await answer.json(), null, 2)}\n`
  await expect(text).toMatchFileSnapshot('openapi.golden.json')
})
