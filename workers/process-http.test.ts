import { Agent, get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { Hono } from 'hono'
import { afterEach, describe, expect, test } from 'vitest'
import { type HttpAnswer, type ProcessHttp, type ProcessHttpOptions, startProcessHttp } from './process-http.js'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const started: ProcessHttp[] = []
afterEach(async () => {
  for (const http of started.splice(0)) await http.close(0)
})

async function start(options: Partial<ProcessHttpOptions> = {}): Promise<ProcessHttp> {
  const http = await startProcessHttp({
    process: 'worker',
    host: '127.0.0.1',
    port: 0,
    log: quiet,
    readiness: async () => ({ isReady: true, parts: [{ part: 'Postgres', isOk: true, why: null }] }),
    metrics: null,
    ...options,
  })
  started.push(http)
  return http
}

describe('the HTTP side of a process', () => {
  test('says whether it lives, what it did last, and whether each part is ready', async () => {
    const state = { isReady: false, isAlive: true }
    const { url } = await start({
      readiness: async () => ({
        isReady: state.isReady,
        parts: [{ part: 'Postgres', isOk: state.isReady, why: state.isReady ? null : 'does not answer' }],
      }),
      liveness: () => ({ isAlive: state.isAlive, progress: 'looked at noon' }),
    })
    const waiting = await fetch(`${url}/readyz`)
    expect([waiting.status, await waiting.json()]).toEqual([
      503,
      { process: 'worker', ready: false, parts: [{ part: 'Postgres', ok: false, why: 'does not answer' }] },
    ])
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    Object.assign(state, { isReady: true, isAlive: false })
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    const dead = await fetch(`${url}/healthz`)
    expect([dead.status, await dead.json()]).toEqual([
      503,
      { process: 'worker', alive: false, progress: 'looked at noon' },
    ])
  })

  test('gives the metrics as text, where there are any', async () => {
    const measured = await fetch(`${(await start({ metrics: async () => 'runs_total 3\n' })).url}/metrics`)
    expect(measured.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(await measured.text()).toBe('runs_total 3\n')
    expect((await fetch(`${(await start()).url}/metrics`)).status).toBe(404)
  })

  test('has its probes for GET and HEAD alone', async () => {
    const { url } = await start({ metrics: async () => '' })
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      const { status, headers } = await fetch(`${url}${path}`, { method: 'PUT' })
      expect([path, status, headers.get('allow')]).toEqual([path, 405, 'GET, HEAD'])
      expect((await fetch(`${url}${path}`, { method: 'HEAD' })).status).toBe(200)
    }
  })

  test('tells of answers by the pattern of their route, never by the keys asked for', async () => {
    const answers: HttpAnswer[] = []
    const app = new Hono()
    for (const path of ['*', '/v1/*']) app.use(path, (_context, next) => next())
    app.get('/v1/:name', (context) => context.text('x'))
    const { url } = await start({ app, metrics: async () => '', onAnswer: (answer) => answers.push(answer) })
    for (const path of ['/v1/spending?user_id=7', '/nowhere/7', '/v1/nowhere/7', '/healthz', '/readyz', '/metrics'])
      await fetch(`${url}${path}`)
    expect(answers).toMatchObject([
      { method: 'GET', route: '/v1/:name', status: 200 },
      { method: 'GET', route: null, status: 404 },
      { method: 'GET', route: null, status: 404 },
    ])
  })

  test('a port that is taken is a fault of the configuration, said with its variable', async () => {
    const { port } = await start()
    await expect(start({ port })).rejects.toMatchObject({ code: 'CONFIG_INVALID', detail: { facts: { port } } })
  })
})

describe('draining', () => {
  /** An app whose answer waits until it is let go. */
  function slowApp() {
    let letGo = () => {}
    let isAsked = () => {}
    const asked = new Promise<void>((resolve) => {
      isAsked = resolve
    })
    const gate = new Promise<void>((resolve) => {
      letGo = resolve
    })
    const app = new Hono().get('/slow', async (context) => {
      isAsked()
      await gate
      return context.text('done')
    })
    return { app, asked, letGo: () => letGo() }
  }

  function ask(url: string, agent: Agent): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => get(`${url}/slow`, { agent }, resolve).once('error', reject))
  }

  test('it is not ready at once, and tells its clients to go elsewhere', async () => {
    const http = await start()
    http.drain()
    const answer = await fetch(`${http.url}/readyz`)
    expect([answer.status, answer.headers.get('connection')]).toEqual([503, 'close'])
    expect(await answer.json()).toMatchObject({ parts: [{ part: 'worker', ok: false, why: 'it is stopping' }, {}] })
    expect((await fetch(`${http.url}/healthz`)).status).toBe(200)
  })

  test('a request under way gets its answer, no other is taken, and its kept-alive connection ends', async () => {
    const { app, asked, letGo } = slowApp()
    const http = await start({ app })
    const agent = new Agent({ keepAlive: true })
    const answering = ask(http.url, agent)
    await asked
    const closing = http.close()
    await expect(fetch(`${http.url}/healthz`)).rejects.toThrow()
    letGo()
    const answer = await answering
    expect([answer.statusCode, answer.headers.connection, await text(answer)]).toEqual([200, 'close', 'done'])
    await closing
    agent.destroy()
  })

  test('what is still under way after the grace time is cut off', async () => {
    const { app, asked, letGo } = slowApp()
    const http = await start({ app })
    const agent = new Agent({ keepAlive: true })
    const answering = ask(http.url, agent)
    await asked
    await Promise.all([http.close(50), expect(answering).rejects.toThrow(/socket hang up|ECONNRESET/)])
    letGo()
    agent.destroy()
  })
})
