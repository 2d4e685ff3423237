/** What Postgres says to who may not come in: an ErrorResponse of its protocol, such as during the seconds of its start. */
export function postgresRefusal(sqlState: string, message: string): Buffer {
  const fields = ['SFATAL', 'VFATAL', `C${sqlState}`, `M${message}`].map((field) => Buffer.from(`${field}\0`))
  const body = Buffer.concat([...fields, Buffer.from('\0')])
  const head = Buffer.from('E\0\0\0\0')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}
