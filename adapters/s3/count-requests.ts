/** Each request to S3 as spend, in the classes that it is billed by; refused ones are billed, too, and server errors are not. */
import type { S3Client } from '@aws-sdk/client-s3'
import { withoutHarm } from '../../core/measure/index.js'
import type { SpendMeter } from '../../core/ports/spend-meter.js'

/** What of requests and answers is looked at: the SDK's own types of them lie in packages that are none of ours. */
interface Request {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
}
interface Response {
  readonly statusCode?: number
  readonly headers?: Readonly<Record<string, string>>
}

export function countRequests(client: S3Client, spending: SpendMeter): void {
  client.middlewareStack.add(
    (next, { commandName = '' }) =>
      async (args) => {
        const result = await next(args)
        withoutHarm(() => {
          const [request, response] = [args.request as Request, result.response as Response]
          if ((response.statusCode ?? 500) >= 500) return
          const isRead = /^(Get|Head)/.test(commandName)
          if (isRead) spending.add({ s3Reads: 1, s3BytesRead: bytesOf(commandName, response.headers) })
          else if (!/^(Delete|Abort)/.test(commandName))
            spending.add({ s3Writes: 1, s3BytesWritten: request.method === 'PUT' ? lengthOf(request.headers) : 0 })
        })
        return result
      },
    // Next to the wire: an answer that is an error has not been thrown yet.
    { step: 'deserialize', priority: 'low', name: 'countRequests' },
  )
}

/** A HEAD's length is that of what it does not send. */
function bytesOf(commandName: string, headers: Response['headers']): number {
  return commandName.startsWith('Get') ? lengthOf(headers) : 0
}

function lengthOf(headers: Readonly<Record<string, string>> = {}): number {
  return Number(headers['content-length'] ?? 0)
}
