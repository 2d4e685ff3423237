import { once } from 'node:events'
import { connect } from 'node:net'

/** Whether anybody listens on the port of this machine. */
export async function isListening(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    // Refused: nobody does.
    return false
  } finally {
    socket.destroy()
  }
}
