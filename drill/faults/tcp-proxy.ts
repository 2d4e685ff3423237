/** In front of any server: passes bytes on, refuses connections, takes them and says nothing, or answers in the server's place. */

import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server, type Socket } from 'node:net'

/**
 * `answer`: to the first thing that a client says, and then goodbye. `cutAt`: passes on until the client says something of which this is
 * true; then the connection is cut.
 */
export type TcpMode =
  | 'pass'
  | 'refuse'
  | 'silent'
  | { readonly answer: Buffer }
  | { readonly cutAt: (said: Buffer) => boolean }

export interface TcpProxy {
  readonly port: number
  /** `host:port`. */
  readonly address: string
  /** Connections that are open end with the mode they were made in. */
  become(mode: TcpMode): Promise<void>
  stop(): Promise<void>
}

/** @param target `host:port` */
export async function startTcpProxy(target: string): Promise<TcpProxy> {
  const [host, targetPort] = [target.slice(0, target.lastIndexOf(':')), Number(target.split(':').at(-1))]
  const sockets = new Set<Socket>()
  let mode: TcpMode = 'pass'
  let server: Server | null = null
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => sockets.delete(socket))
    return socket
  }
  const listen = async (at: number): Promise<number> => {
    const listening = createServer((incoming) => {
      keep(incoming)
      if (mode === 'silent') return
      const told = mode
      if (typeof told === 'object' && 'answer' in told) return incoming.once('data', () => incoming.end(told.answer))
      const outgoing = keep(connect(targetPort, host))
      incoming.pipe(outgoing).pipe(incoming)
      if (typeof told === 'object') incoming.on('data', (said) => told.cutAt(said) && outgoing.destroy())
      incoming.once('close', () => outgoing.destroy())
      outgoing.once('close', () => incoming.destroy())
    })
    server = listening
    await new Promise<void>((resolve, reject) => {
      listening.once('error', reject)
      listening.listen(at, '127.0.0.1', resolve)
    })
    return (listening.address() as AddressInfo).port
  }
  const hangUp = async () => {
    const closing = server
    server = null
    const closed = new Promise<void>((resolve) => (closing ? closing.close(() => resolve()) : resolve()))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  const port = await listen(0)
  return {
    port,
    address: `127.0.0.1:${port}`,
    async become(next) {
      await hangUp()
      mode = next
      if (mode !== 'refuse') await listen(port)
    },
    stop: hangUp,
  }
}
