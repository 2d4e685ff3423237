import { expect, test } from 'vitest'
import { refuseChangedColumns } from './changed-columns.js'

/** As the engine tells footers: depth first, the root before all. */
const node = (
  name: string,
  duckdb_type: string | null,
  logical_type: string | null,
  num_children = 0,
  type = 'INT64',
) => ({
  ...{ file_name: 'f', name, type, num_children, repetition_type: 'OPTIONAL', converted_type: null },
  ...{ logical_type, duckdb_type },
})
const unit = 'TimeUnit(MILLIS=<null>, MICROS=<null>, NANOS=NanoSeconds())'
const ofUtc = node('element', 'TIMESTAMP WITH TIME ZONE', `TimestampType(isAdjustedToUTC=1, unit=${unit})`)
const root = (children: number) => node('schema', null, null, children)
const list = (element: ReturnType<typeof node>) => [
  node('l', null, 'ListType()', 1),
  node('list', null, null, 1),
  element,
]

test.each([
  ['d', [node('d', 'DOUBLE', 'DecimalType(scale=2, precision=39)')]],
  ['t', [node('t', 'TIME', `TimeType(isAdjustedToUTC=0, unit=${unit})`)]],
  ['l', list(ofUtc)],
  ['l', list({ ...node('element', 'TIMESTAMP', null), type: 'INT96' })],
  ['s', [node('s', null, null, 2), node('a', 'BIGINT', null), { ...ofUtc, name: 'b' }]],
])('R14: column %s, which the engine would change, is refused by its name', (name, column) => {
  const before = [node('n', 'BIGINT', null), ...list(node('element', 'BIGINT', null))]
  expect(() => refuseChangedColumns([root(3), ...before, ...column])).toThrow(`the spine's "${name}" has `)
})

test('what stays as it is is let through', () => {
  const columns = [
    node('d', 'DECIMAL(38,2)', 'DecimalType(scale=2, precision=38)'),
    node('t', 'TIME', 'TimeType(isAdjustedToUTC=0, unit=TimeUnit(MILLIS=<null>, MICROS=MicroSeconds(), NANOS=<null>))'),
    { ...ofUtc, name: 'at' },
    node('old', 'TIMESTAMP', null, 0, 'INT96'),
    ...list(node('element', 'TIMESTAMP_NS', `TimestampType(isAdjustedToUTC=0, unit=${unit})`)),
  ]
  expect(() => refuseChangedColumns([root(5), ...columns])).not.toThrow()
})
