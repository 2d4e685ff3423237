import { expect, test } from 'vitest'
import { MillcourseError } from '../core/errors.js'
import { createProcessLog } from './process-log.js'
import { currentStep } from './step-facts.js'

function lines(write: (log: ReturnType<typeof createProcessLog>) => void, level: 'info' | 'silent' = 'info') {
  const written: string[] = []
  write(createProcessLog('worker', level, { write: (line) => void written.push(line) }))
  return { text: written.join(''), objects: written.map((line) => JSON.parse(line) as Record<string, unknown>) }
}

test('each line is one JSON object with time, level, msg and process', () => {
  const { objects } = lines((log) => {
    log.info({ taskQueue: 'q' }, 'worker takes work')
    log.warn({}, 'two\nlines')
    log.debug({}, 'not at this level')
  })
  expect(objects).toEqual([
    { time: expect.any(String), level: 'info', msg: 'worker takes work', process: 'worker', taskQueue: 'q' },
    { time: expect.any(String), level: 'warn', msg: 'two\nlines', process: 'worker' },
  ])
  expect(new Date(objects[0]!.time as string).toISOString()).toBe(objects[0]!.time)
})

test('within a step each line says which one; what the line itself says goes before', () => {
  const interval = { start: '2001-01-01T00:00:00Z', end: '2001-01-01T01:00:00Z' }
  const step = {
    step: 'compute',
    attempt: 2,
    workflow: 'materialize/x',
    run: 'r1',
    view: 'v',
    interval,
    trace_id: 'ab',
  }
  const { objects } = lines((log) => {
    currentStep.run(step, () => log.info({}, 'inside'))
    currentStep.run(step, () => log.info({ run: 'another' }, 'inside'))
    log.info({}, 'outside')
  })
  expect(objects[0]).toMatchObject(step)
  expect(objects[1]).toMatchObject({ ...step, run: 'another' })
  expect(objects[2]).not.toHaveProperty('run')
})

test('an error has its code, hint and facts; one that nobody foresaw has its stack', () => {
  const cause = new TypeError('no such thing')
  const error = new MillcourseError('SOURCE_FILE_CORRUPT', 'part-7 is torn', {
    cause,
    hint: 'write it again',
    facts: { row: 3 },
  })
  const { objects } = lines((log) => {
    log.error({ error }, 'failed')
    log.error({ error: cause }, 'failed')
  })
  expect(objects[0]!.error).toEqual({
    ...{ code: 'SOURCE_FILE_CORRUPT', message: 'part-7 is torn', hint: 'write it again', facts: { row: 3 } },
    cause: { name: 'TypeError', message: 'no such thing' },
  })
  expect(objects[1]!.error).toMatchObject({ name: 'TypeError', stack: expect.stringContaining('process-log.test') })
})

test('credentials are hidden wherever they stand: message, facts, error, cause, stack', () => {
  const secrets = {
    url: 'postgresql://ml:hunter2@db/x',
    key: 'AKIAIOSFODNN7EXAMPLE',
    bearer: 'Bearer abc.def.123456',
    signed: 'https://b/k?X-Amz-Signature=0badc0de11',
    field: { secretAccessKey: 'wJalrXUtnFEMI/K7MDENG' },
    webhook: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  }
  const cause = new Error(`connect ${secrets.url} with ${JSON.stringify(secrets.field)}`)
  const { text, objects } = lines((log) => {
    log.info(secrets, `told ${secrets.url} ${secrets.key} ${secrets.bearer} ${secrets.signed} ${secrets.webhook}`)
    log.error({ error: cause }, 'unforeseen')
    log.error(
      { error: new MillcourseError('INTERNAL', secrets.url, { cause, facts: { token: secrets.bearer } }) },
      'ours',
    )
    currentStep.run({ step: 'plan', attempt: 1, workflow: secrets.url }, () => log.warn({}, 'in a step'))
  })
  expect(objects.length).toBe(4)
  for (const secret of ['hunter2', secrets.key, 'abc.def.123456', '0badc0de11', 'wJalrXUtnFEMI', 'MfKQ9r8GKYqr'])
    expect(text).not.toContain(secret)
  expect(text).toContain('postgresql://ml:[redacted]@db/x')
})

test('silent is silent', () => {
  expect(lines((log) => log.error({}, 'nothing'), 'silent').text).toBe('')
})
