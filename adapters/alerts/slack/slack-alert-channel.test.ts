import { afterEach, expect, test } from 'vitest'
import { type AlertReceiver, alertMessage, startAlertReceiver, teller } from '../../../test/support/alert-receiver.js'
import { createSlackAlertChannel } from './slack-alert-channel.js'

let receiver: AlertReceiver | undefined
afterEach(() => receiver?.close())

async function arrived(...message: Parameters<typeof alertMessage>) {
  receiver = await startAlertReceiver({ status: 200, body: 'ok' })
  const url = `${receiver.url}/services/T0/B0/x`
  const answer = await createSlackAlertChannel({ ...teller, name: 'team', url, timeoutMs: 15_000 }).send(
    alertMessage(...message),
  )
  expect(answer).toBe('200: ok')
  expect(receiver.received[0]).toMatchObject({ method: 'POST', path: '/services/T0/B0/x' })
  return JSON.parse(receiver.received[0]!.body) as {
    text: string
    blocks: { type: string; text?: { type: string; text: string }; elements?: { text: string }[] }[]
  }
}

test('a message says what, since when, whom it hits, why, what to do, in blocks that Slack takes', async () => {
  const { text, blocks } = await arrived()
  expect(text).toBe('[critical] flights: delays@v1 failed — größer &lt;!channel&gt; &amp; so on')
  expect(blocks.map(({ type }) => type)).toEqual(['header', 'section', 'context'])
  expect(blocks[0]!.text).toMatchObject({ type: 'plain_text' })
  expect(blocks[0]!.text!.text).toContain(':rotating_light: [critical] flights')
  expect(blocks[1]!.text).toEqual({
    type: 'mrkdwn',
    text: [
      '*what* delays@v1 failed — größer &lt;!channel&gt; &amp; so on',
      '*since* 2001-01-01T00:00:00Z',
      '*owner* ops',
      '*views* delays@v1',
      '*services* delay_model',
      '*first cause* SOURCE_FILE_CORRUPT',
      '*next* `millcourse runs show r1`',
      '*runbook* <https://docs.example.com/runbooks/source_file_corrupt.md>',
    ].join('\n'),
  })
  expect(blocks[2]!.elements![0]!.text).toBe('failed/delays@v1/SOURCE_FILE_CORRUPT · msg_opened')
})

test('one that is over says since when, and asks for nothing', async () => {
  const { blocks } = await arrived('resolved')
  expect(blocks[0]!.text!.text).toContain(':white_check_mark: [resolved]')
  expect(blocks[1]!.text!.text).toContain('*resolved* 2001-01-01T02:00:00Z')
  expect(blocks[1]!.text!.text).not.toContain('*next*')
})

test('texts stay within Slack’s limits, and say what to do all the same', async () => {
  const facts = { views: Array.from({ length: 500 }, (_, at) => `view_${at}@v1`).join(', '), code: 'LAKE_FULL' }
  const { text, blocks } = await arrived('opened', { summary: 'long '.repeat(2_000), key: 'k'.repeat(4_000), facts })
  expect(text.length).toBeLessThanOrEqual(3_000)
  expect(blocks[0]!.text!.text.length).toBeLessThanOrEqual(150)
  expect(blocks[1]!.text!.text.length).toBeLessThanOrEqual(3_000)
  expect(blocks[1]!.text!.text).toMatch(
    /\n\*views\* view_0@v1, .*…\n\*first cause\* LAKE_FULL\n\*next\* `millcourse runs show r1`\n\*runbook\* <\S+\.md>$/,
  )
  expect(blocks[2]!.elements![0]!.text.length).toBeLessThanOrEqual(3_000)
})

test('Slack’s own word for a refusal is told', async () => {
  receiver = await startAlertReceiver({ status: 404, body: 'channel_not_found' })
  const channel = createSlackAlertChannel({ ...teller, name: 'team', url: receiver.url, timeoutMs: 15_000 })
  await expect(channel.send(alertMessage())).rejects.toMatchObject({
    code: 'ALERT_REFUSED',
    message: expect.stringContaining('answered 404: channel_not_found'),
  })
})
