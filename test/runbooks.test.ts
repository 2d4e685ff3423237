/** Each code and each rule that a person must act on has a page, short and whole, whose commands, links and settings exist. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { isErrorCode } from '../core/errors.js'
import { errorGuides, hasRunbook, page, runbookFolder } from '../core/runbook/index.js'
import { incidentRules } from '../core/watch/index.js'
import { parses } from './support/command-words.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, runbookFolder)
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const index = 'README.md'
const names = readdirSync(folder).filter((name) => name !== index)
const text = (name: string) => read(`${runbookFolder}/${name}`)

const codes = Object.keys(errorGuides).filter(hasRunbook)
const wanted = new Set([...incidentRules, ...codes.map((code) => code.toLowerCase())])

test('no page is missing, and none is nobody’s', () => {
  expect(names.toSorted()).toEqual([...wanted].map((name) => `${name}.md`).toSorted())
})

describe.each(names)('%s', (name) => {
  const shown = text(name)
  // What a page shows to be typed, whole: with words in capitals for what the reader puts there.
  const blocks = [...shown.matchAll(/^```\n([\s\S]*?)^```$/gm)].flatMap(([, block]) => (block ?? '').split('\n'))
  const inline = [...shown.replaceAll(/^```\n[\s\S]*?^```$/gm, '').matchAll(/`([^`]+)`/g)].map(([, one]) => one ?? '')
  const commands = [...blocks, ...inline].filter((line) => line.startsWith('millcourse '))

  test('says the same things in the same order, on one screen or two', () => {
    const headings = [...shown.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
    expect(headings).toEqual(['Look at', 'Do', 'Over when', "Don't"])
    const title = shown.split('\n', 1)[0]?.toLowerCase() ?? ''
    expect(title).toContain(`\`${name.slice(0, -3)}\``)
    expect(shown).toMatch(/^\*\*Hits\.\*\* /m)
    expect(shown.split('\n').length).toBeLessThanOrEqual(55)
    expect(Math.max(...shown.split('\n').map((line) => line.length))).toBeLessThanOrEqual(180)
  })

  test('names commands that exist', async () => {
    for (const command of commands.filter((one) => one !== 'millcourse --version'))
      expect(await parses(command), command).toBe(true)
  })

  test('links to what is there, and names settings that there are', () => {
    const links = [...shown.matchAll(/\]\(([^)#]+)(?:#([^)]+))?\)/g)]
    for (const [, path = '', anchor] of links) {
      const target = join(dirname(join(folder, name)), path)
      expect(existsSync(target), path).toBe(true)
      if (anchor) expect(anchorsOf(readFileSync(target, 'utf8')), path).toContain(anchor)
    }
    const told = read('docs/configuration.md') + read('docs/observability.md')
    const named = [...shown.matchAll(/\b(?:(?:MILLCOURSE|TEMPORAL|AWS)_[A-Z0-9_]+|millcourse_[a-z_]+)\b/g)].flat()
    const unknown = named.filter((one) => !isErrorCode(one) && !told.includes(`\`${one}\``))
    expect(unknown).toEqual([])
  })
})

function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    (heading ?? '')
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(/\s/g, '-'),
  )
}

test('errors.md links the page of each code that has one', () => {
  const sections = read('docs/errors.md').split(/^### /m).slice(1)
  const linked = sections.flatMap((section) => {
    const code = section.split('\n', 1)[0] ?? ''
    return section.includes(`(runbooks/${code.toLowerCase()}.md)`) ? [code] : []
  })
  expect(linked).toEqual(codes)
})

test('the index lists each page once, and says of the other codes why they have none', () => {
  const listed = text(index)
  const linked = [...listed.matchAll(/\]\(([a-z_]+\.md)\)/g)].map(([, name]) => name)
  expect(linked.toSorted()).toEqual(names.toSorted())
  const reasons = [...listed.matchAll(/^\| ([^|]+) \| (`[A-Z_`, ]+) \|$/gm)].flatMap(([, why, of]) =>
    [...(of ?? '').matchAll(/[A-Z_]+/g)].map(([code]) => [code, why]),
  )
  const others = Object.entries(errorGuides).filter(([, { runbook }]) => runbook !== page)
  expect(Object.fromEntries(reasons)).toEqual(Object.fromEntries(others.map(([code, { runbook }]) => [code, runbook])))
  expect(reasons).toHaveLength(others.length)
})
