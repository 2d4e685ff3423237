/**
 * The second line of defence before a line is logged or a span is sent: nothing of ours puts a credential into a message, but a
 * vendor's error may quote the URL or the header that it was given. Errs on the side of hiding.
 */

const hidden = '[redacted]'

/** Each keeps what tells a person which credential it was, and hides the rest. Works on plain text and on JSON text alike. */
const rules: readonly { readonly pattern: RegExp; readonly replacement: string }[] = [
  // scheme://user:password@host
  { pattern: /\b([a-z][a-z0-9+.-]*:\/\/[^\s/:@"'\\]*):[^\s/@"'\\]+@/gi, replacement: `$1:${hidden}@` },
  // Signed URLs: AWS's and others' query parameters.
  {
    pattern:
      /([?&](?:X-Amz-(?:Signature|Credential|Security-Token)|AWSAccessKeyId|Signature|sig|token|access_token|api_?key|password)=)[^&\s"'\\]+/gi,
    replacement: `$1${hidden}`,
  },
  // AWS access key ids: of users, roles, and their kin.
  { pattern: /\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b/g, replacement: hidden },
  // The header whole; a token where it stands alone, but not the words "bearer token".
  {
    pattern: /(authorization["'\\]*\s*[:=]\s*["'\\]*)(?:Basic|Bearer|AWS4[\w-]*)\s+[^"'\\\n]+/gi,
    replacement: `$1${hidden}`,
  },
  { pattern: /\b(Bearer\s+)(?=[A-Za-z]*[0-9._~+/=-])[A-Za-z0-9._~+/=-]{6,}/gi, replacement: `$1${hidden}` },
  // The signature's header: Credential=…, Signature=….
  { pattern: /\b(Credential|Signature)=[A-Za-z0-9/+=_-]{8,}/g, replacement: `$1=${hidden}` },
  { pattern: /\bwhsec_[A-Za-z0-9+/=_-]+/g, replacement: hidden },
  // JSON web tokens.
  { pattern: /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g, replacement: hidden },
  // A named secret: in an object, in an environment, in a connection string of key=value pairs.
  {
    pattern:
      /((?:\\*["'])?\b[\w-]{0,40}(?:password|passwd|secret|secret[_-]?access[_-]?key|session[_-]?token|security[_-]?token|api[_-]?key|access[_-]?token|private[_-]?key|authorization)(?:\\*["'])?\s*[:=]\s*)(?!\[redacted\])(?:\\*["'](?:(?!\\*["'])[^\n])+(\\*["'])|[^\s,;&"'\\}\])]+)/gi,
    replacement: `$1$2${hidden}$2`,
  },
  { pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, replacement: hidden },
]

/** JSON stays JSON. */
export function redactSecrets(text: string): string {
  return rules.reduce((clean, { pattern, replacement }) => clean.replace(pattern, replacement), text)
}
