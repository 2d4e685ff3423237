import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'

export interface DigestInParts {
  update(part: Uint8Array): void
  /** SHA-256, hex, of all parts one after the other. */
  finish(): string
}

export function digestInParts(): DigestInParts {
  const hash = sha256.create()
  return {
    update: (part) => void hash.update(part),
    finish: () => bytesToHex(hash.digest()),
  }
}
