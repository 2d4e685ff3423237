/**
 * The name service of a test's worker: the machine's own knows no name that could be taken away while a process runs. What is in a file,
 * one name a line, is unknown for as long as it is there; `*.test` is this machine.
 */
import dns from 'node:dns'
import { readFileSync } from 'node:fs'

/** Of this process: what Node connects to, not DuckDB and not Temporal's native client, which ask the machine. */
export function loseNamesOf(file: string): void {
  const lookUp = dns.lookup
  const look = (name: string, ...rest: unknown[]) => {
    const callback = rest.at(-1) as (error: Error) => void
    if (readFileSync(file, 'utf8').split('\n').includes(name)) {
      const message = `getaddrinfo ENOTFOUND ${name}`
      const facts = { code: 'ENOTFOUND', errno: -3008, syscall: 'getaddrinfo', hostname: name }
      process.nextTick(callback, Object.assign(new Error(message), facts))
      return
    }
    Reflect.apply(lookUp, dns, [name.endsWith('.test') ? '127.0.0.1' : name, ...rest])
  }
  // Asked of the module by `net` each time.
  dns.lookup = look as typeof dns.lookup
}
