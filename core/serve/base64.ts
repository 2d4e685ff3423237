/** Byte strings as text (RFC 4648, section 4), padded. */

/** Web standards that core may use; stated here because core is compiled without DOM and Node types. */
declare function btoa(binary: string): string
declare function atob(base64: string): string

export function toBase64(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}

/** Null: it is not base64. */
export function fromBase64(text: string): Uint8Array | null {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
}
