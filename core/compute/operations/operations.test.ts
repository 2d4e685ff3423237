import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ColumnType } from '../../define/index.js'
import { isOperation, operations, ruleOf, type WindowOperation } from './index.js'

const names = Object.keys(operations) as WindowOperation[]
const docs = readFileSync(join(import.meta.dirname, '../../../docs/definitions.md'), 'utf8')

test.each(names)('docs/definitions.md says what window.%s is', (name) => {
  const { documentation, ofNothing } = ruleOf(name)
  const calls = documentation.call.split('), ').map((call, at, all) => (at < all.length - 1 ? `${call})` : call))
  const shown = calls.map((call) => `\`window.${call}\``).join(', ')
  expect(docs).toContain(
    `| ${shown} | ${documentation.takes} | ${documentation.answers} | ${ofNothing === 'zero' ? '0' : 'null'} |`,
  )
})

test('docs/definitions.md names no operation that is not there', () => {
  const said = [...docs.matchAll(/window\.([a-z_]+)\(/g)].map(([, name]) => name)
  expect(said.filter((name) => !isOperation(name))).toEqual([])
})

test.each(names)('R8, R20: the type of window.%s may be null just where nothing is null', (name) => {
  const rule = ruleOf(name)
  const column: ColumnType = { kind: rule.takes.kinds[0]!, nullable: false }
  const { nullable } = rule.answer(column, { n: 1, q: 0.5 })
  expect(nullable).toBe(rule.ofNothing === 'null')
})
