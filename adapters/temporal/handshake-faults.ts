/** Why no connection came about although somebody is there: TLS says it in two dialects, OpenSSL's (clients) and rustls's (workers). */
export interface HandshakeFault {
  readonly what: string
  readonly hint: string
}

const faults: readonly (readonly [pattern: RegExp, fault: HandshakeFault])[] = [
  [
    /altnames|NotValidForName/,
    {
      what: 'its certificate is for another name',
      hint: 'check the host in TEMPORAL_ADDRESS, or set TEMPORAL_TLS_SERVER_NAME to the name in the certificate',
    },
  ],
  [
    /certificate required|CertificateRequired/,
    { what: 'it asks for a client certificate', hint: 'set TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY' },
  ],
  [
    /alert (bad|unknown|unsupported) (certificate|ca)|BadCertificate|UnknownCA|DecryptError/i,
    {
      what: 'it does not take our client certificate',
      hint: 'have TEMPORAL_TLS_CERT signed by an authority that the server trusts',
    },
  ],
  [
    /wrong version number|InvalidContentType/,
    {
      what: 'it does not speak TLS',
      hint: 'check the port in TEMPORAL_ADDRESS, or unset TEMPORAL_TLS_… and the API key',
    },
  ],
  [
    /certificate has expired|CERT_HAS_EXPIRED|Expired/,
    { what: 'its certificate has expired', hint: 'renew the server’s certificate, or check the clock of this machine' },
  ],
  [
    /certificate|UnknownIssuer|BadSignature/i,
    {
      what: 'its certificate was not signed by an authority that we trust',
      hint: 'let TEMPORAL_TLS_CA name the PEM file of the authority that signed it',
    },
  ],
]

/** @param text what gRPC says of the last try. Null: the fault is not TLS's. */
export function handshakeFault(text: string): HandshakeFault | null {
  return faults.find(([pattern]) => pattern.test(text))?.[1] ?? null
}
