import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { cacheFolder } from './find-program.js'
import { findTemporalBinary, lookForTemporalBinary } from './temporal-binary.js'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'millcourse-find-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

function program(folder: string, name: string, script = 'exit 0'): string {
  mkdirSync(join(dir, folder), { recursive: true })
  writeFileSync(join(dir, folder, name), `#!/bin/sh\n${script}\n`)
  chmodSync(join(dir, folder, name), 0o755)
  return join(dir, folder, name)
}

/** A download that never answers within a test: the site's name does not resolve, or nothing arrives in so short a time. */
const find = (PATH: string, onProgress?: (line: string) => void) =>
  findTemporalBinary({
    env: { PATH, XDG_CACHE_HOME: join(dir, 'cache'), HOME: dir },
    downloadStallMs: 1,
    ...(onProgress ? { onProgress } : {}),
  })

describe('findTemporalBinary', () => {
  test('the one on the PATH comes before the cached one', async () => {
    program('cache/millcourse/temporal-v1.5.1', 'temporal')
    const onPath = program('bin', 'temporal')
    expect(await find(`/nowhere:${join(dir, 'bin')}`)).toBe(onPath)
  })

  test('the cached one is used where the PATH has none', async () => {
    const cached = program('cache/millcourse/temporal-v1.5.1', 'temporal')
    expect(await find('/nowhere')).toBe(cached)
  })

  test('without either it is built by Go into the cache, and progress is told', async () => {
    // Stands for the compiler, which would take minutes: writes what it is asked for where it is asked to.
    program(
      'bin',
      'go',
      `echo "$@" > ${join(dir, 'asked')}; echo '#!/bin/sh' > "$GOBIN/temporal"; chmod +x "$GOBIN/temporal"`,
    )
    const told: string[] = []
    const found = await find(`${join(dir, 'bin')}:/bin:/usr/bin`, (line) => told.push(line))
    expect(found).toBe(join(dir, 'cache/millcourse/temporal-v1.5.1/temporal'))
    expect(readFileSync(join(dir, 'asked'), 'utf8')).toBe('install github.com/temporalio/cli/cmd/temporal@v1.5.1\n')
    expect(told.join('\n')).toMatch(/downloading[\s\S]*the download failed[\s\S]*building/)
  })

  test('the one that Go installed is used, though few have that folder on their PATH', async () => {
    const installed = program('go/bin', 'temporal')
    expect(await find('/nowhere')).toBe(installed)
    const elsewhere = program('elsewhere', 'temporal')
    expect(await lookForTemporalBinary({ GOBIN: join(dir, 'elsewhere'), HOME: dir })).toBe(elsewhere)
  })

  test('a build that is given up ends Go and leaves nothing', async () => {
    const started = join(dir, 'started')
    // `wait` ends at the signal; the shell then says so and is gone, as Go is.
    program(
      'bin',
      'go',
      `trap 'echo ended > ${join(dir, 'ended')}; exit 1' INT; sleep 60 2>/dev/null & echo $! > ${started}; wait`,
    )
    const controller = new AbortController()
    const env = { PATH: `${join(dir, 'bin')}:/bin:/usr/bin`, XDG_CACHE_HOME: join(dir, 'cache'), HOME: dir }
    const finding = findTemporalBinary({ env, downloadStallMs: 1, signal: controller.signal })
    const refused = expect(finding).rejects.toMatchObject({ code: 'STACK_START_FAILED' })
    await vi.waitFor(() => expect(readFileSync(started, 'utf8')).toMatch(/\d/), 5_000)
    controller.abort()
    await refused
    process.kill(Number(readFileSync(started, 'utf8')))
    expect(readFileSync(join(dir, 'ended'), 'utf8')).toBe('ended\n')
    expect(readdirSync(join(dir, 'cache/millcourse/temporal-v1.5.1'))).toEqual([])
  })

  test('a build that takes too long is interrupted, and the advice is to start again', async () => {
    program('bin', 'go', `trap 'echo ended > ${join(dir, 'ended')}; kill $!; exit 1' INT; sleep 60 2>/dev/null & wait`)
    const env = { PATH: `${join(dir, 'bin')}:/bin:/usr/bin`, XDG_CACHE_HOME: join(dir, 'cache'), HOME: dir }
    await expect(findTemporalBinary({ env, downloadStallMs: 1, buildTimeoutMs: 1_000 })).rejects.toMatchObject({
      code: 'STACK_TOOL_MISSING',
      message: expect.stringMatching(/go install \S+ failed \(not done after 1 s, so it was ended\)/),
      detail: { hint: expect.stringMatching(/^start again: Go goes on from what it has compiled/) },
    })
    expect(readFileSync(join(dir, 'ended'), 'utf8')).toBe('ended\n')
  })

  test('a build that fails leaves no half program, and all that was tried is said', async () => {
    program('bin', 'go', 'echo "no space left on device" >&2; exit 1')
    await expect(find(`${join(dir, 'bin')}:/bin`)).rejects.toMatchObject({
      code: 'STACK_TOOL_MISSING',
      message: expect.stringMatching(/PATH.*download failed.*go install.*no space left/),
    })
    await expect(find('/nowhere')).rejects.toMatchObject({
      code: 'STACK_TOOL_MISSING',
      message: expect.stringContaining('no `go` on the PATH'),
    })
  })
})

test('the cache follows XDG, else the home folder', () => {
  expect(cacheFolder({ XDG_CACHE_HOME: '/x', HOME: '/h' })).toBe('/x/millcourse')
  expect(cacheFolder({ HOME: '/h' })).toBe('/h/.cache/millcourse')
})
