import { expect, test } from 'vitest'
import { parseInstant } from '../time/instant.js'
import { compareInputs, compareSchemas } from './index.js'

const path = 'flights/date={yyyy-MM-dd}/hour={HH}/*.parquet'
const hours = (start: string, end: string) => ({ start: parseInstant(start), end: parseInstant(end) })
const [four, five] = [
  hours('2001-01-02T04:00:00Z', '2001-01-02T05:00:00Z'),
  hours('2001-01-02T05:00:00Z', '2001-01-02T06:00:00Z'),
]
const file = (uri: string, etag = uri) => ({ uri: `/lake/${uri}`, etag, sizeBytes: 10 })
const at = (hour: string, name: string) => file(`flights/date=2001-01-02/hour=${hour}/${name}`)

test('a file of another interval stands for the one of the same name in this one', () => {
  const was = [at('04', 'part-0'), at('04', 'part-1')]
  const { names, ...sizes } = compareInputs(
    path,
    { interval: four, files: was },
    { interval: five, files: [at('05', 'part-0'), at('05', 'late')] },
  )
  expect(sizes).toEqual({ was: { files: 2, bytes: 20 }, is: { files: 2, bytes: 20 } })
  expect(names).toEqual({
    added: ['flights/date=2001-01-02/hour=05/late'],
    removed: ['flights/date=2001-01-02/hour=05/part-1'],
    changed: [],
  })
})

test('of the same interval a file of other content is changed', () => {
  const was = [at('05', 'a'), at('05', 'b')]
  const is = [at('05', 'a'), { ...at('05', 'b'), etag: 'other' }]
  expect(compareInputs(path, { interval: five, files: was }, { interval: five, files: is }).names).toEqual({
    added: [],
    removed: [],
    changed: ['flights/date=2001-01-02/hour=05/b'],
  })
})

test('intervals of many partitions are compared partition by partition', () => {
  const days = [
    hours('2001-01-01T00:00:00Z', '2001-01-02T00:00:00Z'),
    hours('2001-01-02T00:00:00Z', '2001-01-03T00:00:00Z'),
  ]
  const day = (date: string, gone: string) =>
    ['00', '07', '23']
      .filter((hour) => hour !== gone)
      .map((hour) => file(`flights/date=${date}/hour=${hour}/p.parquet`))
  const was = { interval: days[0]!, files: day('2001-01-01', '') }
  expect(compareInputs(path, was, { interval: days[1]!, files: day('2001-01-02', '07') }).names?.removed).toEqual([
    'flights/date=2001-01-02/hour=07/p.parquet',
  ])
})

test('names that are random say nothing, and neither does an empty side', () => {
  const inputs = (interval: typeof four, ...files: ReturnType<typeof file>[]) => ({ interval, files })
  expect(compareInputs(path, inputs(four, at('04', 'x1')), inputs(five, at('05', 'x2'))).names).toBeNull()
  expect(compareInputs(path, inputs(four, at('04', 'x1')), inputs(five)).names).toBeNull()
  // Without time tokens a path has one partition, and its files their own names.
  const still = compareInputs('all/*.parquet', inputs(four, file('all/a'), file('all/b')), inputs(five, file('all/a')))
  expect(still.names?.removed).toEqual(['all/b'])
})

test('columns added, gone and retyped, each once, with the first file and how many more', () => {
  const schema = (name: string, ...columns: [string, string][]) => ({
    file: name,
    columns: columns.map(([column, type]) => ({ name: column, type })),
  })
  const was = [
    schema('w', ['id', 'BIGINT'], ['delay', 'INTEGER']),
    schema('v', ['id', 'BIGINT'], ['delay', 'BIGINT'], ['gate', 'VARCHAR']),
  ]
  const is = [
    schema('a', ['id', 'BIGINT'], ['delay', 'BIGINT']),
    schema('b', ['delay', 'VARCHAR'], ['new', 'DATE']),
    schema('c', ['delay', 'VARCHAR'], ['new', 'DATE']),
  ]
  const where = { file: 'b', filesMore: 1 }
  expect(compareSchemas(was, is)).toEqual([
    { column: 'id', was: 'BIGINT', is: null, ...where },
    { column: 'delay', was: 'INTEGER', is: 'VARCHAR', ...where },
    { column: 'new', was: null, is: 'DATE', ...where },
  ])
  expect(compareSchemas([], is)).toEqual([])
})
