/** A proxy between a drill's processes and a DynamoDB endpoint without TLS: cuts, throttles, fails. */
import { type Fault, startFaultProxy } from '../faults/fault-proxy.js'
import type { BreakablePart, Breakage } from './drill-stack.js'

const faults: Readonly<Record<Breakage, Fault>> = {
  gone: 'reset-before',
  throttled: 'throttle',
  failing: 'server-error',
}

export async function dynamodbBehindProxy(endpoint: string): Promise<BreakablePart> {
  const { origin, pathname } = new URL(endpoint)
  const proxy = await startFaultProxy(origin)
  return {
    environment: { MILLCOURSE_DYNAMODB_ENDPOINT: new URL(pathname, proxy.endpoint).href },
    async break(how = 'gone') {
      proxy.choose = () => faults[how]
    },
    async mend() {
      proxy.choose = () => 'none'
    },
    stop: proxy.stop,
  }
}
