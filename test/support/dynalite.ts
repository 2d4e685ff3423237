import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EmbeddedDynalite, startDynalite } from '../../adapters/embedded/embedded-dynalite.js'

export const localCredentials = { accessKeyId: 'local', secretAccessKey: 'local' } as const

/** A real DynamoDB-speaking endpoint in a folder of its own; `stop` ends it and removes the folder. */
export async function startTestDynalite(): Promise<EmbeddedDynalite> {
  const folder = await mkdtemp(join(tmpdir(), 'millcourse-dynalite-'))
  const dynalite = await startDynalite({ folder, port: 0 })
  const stop = async (): Promise<void> => {
    await dynalite.stop()
    await rm(folder, { recursive: true, force: true })
  }
  return { ...dynalite, stop }
}
