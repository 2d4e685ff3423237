/** `tsx bare-worker.ts ADDRESS NAMESPACE QUEUE`: a worker of bare-workflow.ts; a message when it takes work, and until its parent goes. */
import { fileURLToPath } from 'node:url'
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'

const [address = '', namespace = '', taskQueue = ''] = process.argv.slice(2)
Runtime.install({ shutdownSignals: [], logger: new DefaultLogger('WARN') })
const connection = await NativeConnection.connect({ address })
const worker = await Worker.create({
  connection,
  namespace,
  taskQueue,
  workflowsPath: fileURLToPath(new URL('./bare-workflow.ts', import.meta.url)),
  activities: { step: async () => null },
})
process.once('disconnect', () => worker.shutdown())
process.send?.('ready')
await worker.run()
await connection.close()
