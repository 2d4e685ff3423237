import { postAlert } from '../post-alert.js'

/** Tells a dead-man switch that all is well; when it hears nothing, it alerts. @throws MillcourseError ALERT_UNDELIVERED, ALERT_REFUSED */
export async function sendHeartbeat(url: string, timeoutMs: number): Promise<void> {
  await postAlert({ receiver: 'heartbeat', url, timeoutMs })
}
