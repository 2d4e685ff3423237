/** Times, types, names, rows in and rows out: R10-R14, R20, R23, R24. */
import { type Mutation, mutationsOf } from './mutation.js'

const keys = ['test/rules/keys-and-columns.test.ts']
const windows = ['test/rules/windows.test.ts']
const times = ['test/reference/times.test.ts']
const timesOfFiles = ['test/rules/times-of-files.test.ts']
const requests = ['test/reference/training-requests.test.ts']
const encoding = ['core/publish/encoding.property.test.ts']

const plan = 'core/compute/training-set-plan.ts'
const asOfTime = 'core/compute/as-of-time.ts'

export const mutationsOfTypes: readonly Mutation[] = [
  ...mutationsOf('R10', times, [
    {
      breaks: 'a local time that occurs twice is the later instant',
      file: 'core/compute/local-times.ts',
      before:
        "      [shows('__early ', name, zone), column(`__early ${name}`)],\n      [shows('__late ', name, zone), column(`__late ${name}`)],",
      after:
        "      [shows('__late ', name, zone), column(`__late ${name}`)],\n      [shows('__early ', name, zone), column(`__early ${name}`)],",
    },
    {
      breaks: 'a local time that a clock change skips is taken for UTC',
      file: 'core/compute/local-times.ts',
      before: '    ],\n    column(`__early ${name}`),',
      after: '    ],\n    column(`__wall ${name}`),',
    },
    {
      breaks: 'skipped times are not counted',
      file: 'core/compute/local-times.ts',
      before: "return operation('coalesce', all(neither), literal(false))",
      after: 'return literal(false)',
    },
  ]),
  ...mutationsOf('R11', times, [
    {
      breaks: 'microseconds are rounded to milliseconds',
      file: 'core/compute/print-operation.ts',
      before: "printInstant('TIMESTAMP', 'epoch_us', 1000n, first!)",
      after: "printInstant('TIMESTAMP', 'epoch_ms', 1000000n, first!)",
    },
  ]),
  ...mutationsOf('R11', keys, [
    {
      breaks: 'the end of time comes in 2262',
      file: 'core/compute/print-operation.ts',
      before: 'const end = `CAST(${endOfTime} AS HUGEINT)`',
      after: 'const end = `CAST(${endOfTime / 1000n} AS HUGEINT)`',
    },
  ]),
  ...mutationsOf('R11', timesOfFiles, [
    {
      breaks: 'event times are 64 bits in files, wherever their interval lies',
      file: 'core/compute/committed-rows.ts',
      before: 'start >= -maxInt64 && end <= maxInt64',
      after: 'start >= -maxInt64 || end <= maxInt64',
    },
    {
      breaks: 'spines that look behind 2262 are compared in 64 bits',
      file: asOfTime,
      before: ' && latest <= maxInt64',
      after: '',
    },
    {
      breaks: 'views that begin before 1677 are compared in 64 bits',
      file: asOfTime,
      before: ' && since > -maxInt64',
      after: '',
    },
    {
      breaks: 'a row behind 2262 fails a spine that never sees it',
      file: asOfTime,
      before: 'tryCast(event, int64)',
      after: 'cast(event, int64)',
    },
  ]),
  ...mutationsOf('R12', keys, [
    {
      breaks: 'unsigned keys are compared as floating-point numbers',
      file: plan,
      before: "as('decimal', { precision: 38, scale: 0 }) : as('int64')",
      after: "as('float64') : as('int64')",
    },
  ]),
  ...mutationsOf('R12', requests, [
    {
      breaks: 'keys of another family are taken',
      file: plan,
      before: ': spineFamily(spineColumn) === familyOf(key.kind)',
      after: ': true',
    },
  ]),
  ...mutationsOf('R12', encoding, [
    {
      breaks: 'an integer key goes through a floating-point number',
      file: 'core/publish/key-encoding.ts',
      before: 'fitsKind(column.kind, whole)) return whole',
      after: 'fitsKind(column.kind, whole)) return BigInt(Number(whole))',
    },
  ]),
  ...mutationsOf('R13', keys, [
    {
      breaks: 'a mapping is not heard',
      file: plan,
      before: 'const name = mapping[key.name] ?? key.name',
      after: "const name = spine.columns.some((entry) => entry.name === key.name) ? key.name : 'from'",
    },
    {
      breaks: 'only the first part of a key is compared',
      file: 'core/compute/training-asked.ts',
      before: 'return asked.keys.map((_, part) =>\n    operation(',
      after: 'return asked.keys.slice(0, 1).map((_, part) =>\n    operation(',
    },
  ]),
  ...mutationsOf('R13', encoding, [
    {
      breaks: 'the parts of a key are written one after the other',
      file: 'core/publish/key-encoding.ts',
      before: 'return pack(columns.map((column, index) => canonicalPart(column, values[index] ?? null)))',
      after:
        "return pack([columns.map((column, index) => String(canonicalPart(column, values[index] ?? null))).join('')])",
    },
  ]),
  ...mutationsOf('R14', keys, [
    {
      breaks: 'the rows come in the opposite order',
      file: 'core/compute/training-set.ts',
      before: "'spine' : null), descending: false }",
      after: "'spine' : null), descending: true }",
    },
    {
      breaks: 'a row without an answer is dropped',
      file: 'core/compute/training-set.ts',
      before: "'left',\n        [left,",
      after: "'inner',\n        [left,",
    },
  ]),
  ...mutationsOf('R14', requests, [
    {
      breaks: 'a name may be taken twice',
      file: plan,
      before: 'const owner = taken.get(name.toLowerCase())\n',
      after: 'const owner = undefined as string | undefined\n',
    },
  ]),
  ...mutationsOf('R20', windows, [
    {
      breaks: 'sums go through a floating-point number',
      file: 'core/compute/operations/sum.ts',
      before: 'value: cast(value, sqlType(sumType(column!)))',
      after: "value: cast(cast(value, { kind: 'float64' }), sqlType(sumType(column!)))",
    },
    {
      breaks: 'NaN is left out of what is counted',
      file: 'core/compute/operations/counted-values.ts',
      before: "accumulate: aggregate('count', operand),",
      after:
        "accumulate: aggregate('count', operand && cases([[operation('=', cast(operation('isNaN', cast(operand, { kind: 'float64' })), { kind: 'boolean' }), literal(false)), operand]])),",
    },
  ]),
  ...mutationsOf('R20', encoding, [
    {
      breaks: 'a 64-bit value goes through a floating-point number',
      file: 'core/publish/value-encoding.ts',
      before: "      if (typeof value === 'bigint') return value\n",
      after: "      if (typeof value === 'bigint') return BigInt(Number(value))\n",
    },
  ]),
  ...mutationsOf('R23', keys, [
    {
      breaks: 'a quote in a name ends it',
      file: 'core/compute/print-duckdb.ts',
      before: 'return `"${name.replaceAll(\'"\', \'""\')}"`',
      after: 'return `"${name}"`',
    },
  ]),
  ...mutationsOf(
    'R23',
    ['test/reference/interval-rows.test.ts'],
    [
      {
        breaks: 'a column is found whatever the case of its name',
        file: 'core/compute/source-rows.ts',
        before: 'const found = alike.find((entry) => entry.name === declared.name)',
        after: 'const found = alike[0]',
      },
    ],
  ),
  ...mutationsOf(
    'R23',
    ['core/define/builders.test.ts'],
    [
      {
        breaks: 'columns that differ only by case are declared',
        file: 'core/define/names.ts',
        before: 'else if (other !== undefined)',
        after: 'else if (other === name)',
      },
    ],
  ),
  ...mutationsOf('R24', keys, [
    {
      breaks: 'without rows there is no relation',
      file: 'core/compute/training-set.ts',
      before: "'left',\n        [left,",
      after: "'inner',\n        [left,",
    },
  ]),
  ...mutationsOf('R24', windows, [
    {
      breaks: 'without files there is no relation',
      file: 'core/compute/source-rows.ts',
      before: 'if (groups.length === 0) groups.push({ files: [], columns: source.schema.map(() => null) })',
      after: '',
    },
  ]),
]
