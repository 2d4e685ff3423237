/**
 * The child process of the embedded DynamoDB endpoint: `dynalite-process FOLDER PORT` serves the tables kept in FOLDER and prints
 * `{"port":…}` once it listens. It ends on SIGTERM and when its standard input closes, so it never outlives its parent, however that one ended.
 */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import dynalite from 'dynalite'

const [folder, port] = process.argv.slice(2)
if (folder === undefined || port === undefined) throw new Error('usage: dynalite-process FOLDER PORT')

const server: Server = dynalite({ path: folder, createTableMs: 20, deleteTableMs: 20, updateTableMs: 20 })
server.on('error', (error) => {
  console.error(error.message)
  process.exit(1)
})
server.listen(Number(port), '127.0.0.1', () => {
  console.log(JSON.stringify({ port: (server.address() as AddressInfo).port }))
})

let isStopping = false
function stop(): void {
  if (isStopping) return
  isStopping = true
  // Kept-alive sockets would hold the server open for as long as their clients like.
  server.close(() => process.exit(0))
  server.closeAllConnections()
}
process.on('SIGTERM', stop)
// Ctrl-C goes to the whole process group; the parent decides when this child ends.
process.on('SIGINT', () => {})
process.stdin.on('end', stop).on('close', stop).resume()
