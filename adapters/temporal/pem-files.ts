/** Certificates and keys by file, looked at before a connection is tried: a handshake that fails does not say which file is wrong. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { MillcourseError } from '../../core/errors.js'

/** @throws MillcourseError CONFIG_INVALID naming the variable; the file's content is not repeated */
export async function readCertificate(variable: string, file: string): Promise<Buffer> {
  const pem = await readPem(variable, file)
  try {
    new X509Certificate(pem)
  } catch (cause) {
    throw garbled(variable, file, 'is no certificate in PEM form (-----BEGIN CERTIFICATE-----)', cause)
  }
  return pem
}

/** @param certificate of which it has to be the key; `certificateVariable` names it */
export async function readKey(
  variable: string,
  file: string,
  certificate: Buffer,
  certificateVariable: string,
): Promise<Buffer> {
  const pem = await readPem(variable, file)
  try {
    const key = createPrivateKey(pem)
    if (new X509Certificate(certificate).checkPrivateKey(key)) return pem
  } catch {
    // OpenSSL's reason may quote what it read, and that may be a secret.
    throw garbled(variable, file, 'is no private key in PEM form without a passphrase (-----BEGIN PRIVATE KEY-----)')
  }
  throw garbled(variable, file, `is not the key of the certificate in ${certificateVariable}`)
}

async function readPem(variable: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (cause) {
    throw garbled(variable, file, 'cannot be read', cause)
  }
}

function garbled(variable: string, file: string, what: string, cause?: unknown): MillcourseError {
  return new MillcourseError('CONFIG_INVALID', `${variable}: ${file} ${what}`, {
    ...(cause === undefined ? {} : { cause }),
    hint: `let ${variable} name the PEM file, readable by this process`,
    facts: { variable, file },
  })
}
