/**
 * The second line of defence before a line is logged or a span is sent: nothing of ours puts a credential into a message, but a
 * vendor's error may quote the URL or the header that it was given. Errs on the side of hiding.
 */

const hidden = '[redacted]'

/** The name of a secret, up to its value: `"password": `, `MILLCOURSE_WEBHOOK_SECRET=`. Group 2: the quote of the name. */
const named =
  '((?:\\\\{0,9}["\'])?\\b[\\w-]{0,40}(?:password|passwd|secret|secret[_-]?access[_-]?key|(?:session|security|access|api|auth|bearer|refresh)[_-]?token|tokens|api[_-]?key|private[_-]?key|authorization)(\\\\{0,9}["\'])?\\s*[:=]\\s*)'

interface Rule {
  readonly pattern: RegExp
  readonly replacement: string | typeof hideNamed
}

/** Each keeps what tells a person which credential it was, and hides the rest. Works on plain text and on JSON text alike. */
const rules: readonly Rule[] = [
  // scheme://user:password@host; a password that nobody escaped may hold / and @ itself: up to the last @, short of the next URL. What
  // follows http://host:8080/ is a path.
  // Nor is our own example of such a URL a secret: the message that asks for one would lose its form.
  {
    pattern:
      /\b(?!https?:\/\/[^\s/:@]*:\d{1,5}[/?#])(?!postgresql:\/\/user:password@host:5432\/database(?![^\s"'\\;,]))([a-z][a-z0-9+.-]*:\/\/[^\s/:"'\\]*):(?:(?!:\/\/)[^\s"'\\])+@/gi,
    replacement: `$1:${hidden}@`,
  },
  // Slack: whoever knows the path may post.
  {
    pattern: /(\bhooks\.slack(?:-gov)?\.com\/(?:services|workflows|triggers)\/)[A-Za-z0-9_/-]+/gi,
    replacement: `$1${hidden}`,
  },
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
  // DuckDB's and Postgres's SQL: SECRET '…', SESSION_TOKEN '…'; a statement may be cut off.
  {
    pattern:
      /\b(\w{0,40}(?:secret|password|passwd|_token|secret_access_key|account_key|api_key|encryption_key)\s+)'(?:(?:''|\\.|[^'"\\])*(')|[^'"\\\s]+)/gi,
    replacement: `$1'${hidden}$2`,
  },
  // Lists: {"tokens":["…","…"]}, MILLCOURSE_API_TOKENS=…,…
  {
    pattern: new RegExp(`${named}\\[\\s*(\\\\*["'])(?:(?!\\3\\s*\\])[\\s\\S]){1,2000}?\\3\\s*\\]`, 'gi'),
    replacement: `$1[$3${hidden}$3]`,
  },
  { pattern: /(\b\w{0,40}tokens\s*=\s*)(?!\[redacted\])[^\s"'\\;&})\]]+/gi, replacement: `$1${hidden}` },
  // A named secret: in an object, in an environment, in a connection string of key=value pairs.
  {
    pattern: new RegExp(
      `${named}(?!\\[redacted\\])(?:"((?:\\\\.|[^"\\\\\\n])+)"|(\\\\*["'])(?:\\\\\\\\\\4|(?!\\\\*["'])[^\\n])+(\\4)?|([^\\s,;&"'\\\\})]+))`,
      'gi',
    ),
    replacement: hideNamed,
  },
  { pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, replacement: hidden },
  // Hidden in two steps, or up to a bracket of its own.
  { pattern: /\[redacted\](?: ?\[redacted\]|\])+/g, replacement: hidden },
]

/** JSON stays JSON: a value gets quotes where its name has them; what is no secret yet (null, an object) stays. */
function hideNamed(
  whole: string,
  name: string,
  nameQuote: string | undefined,
  quoted: string | undefined,
  quote: string | undefined,
  close: string | undefined,
  bare: string | undefined,
): string {
  // The quote after `enter password:` may be the end of its sentence.
  if (quoted !== undefined) return !nameQuote && /^[,}\]:]/.test(quoted) ? whole : `${name}"${hidden}"`
  if (quote !== undefined) return `${name}${quote}${hidden}${close ?? ''}`
  if (bare === undefined || /^[[{]+\]?$/.test(bare)) return whole
  if (nameQuote && /^(null|true|false)\b|^[[{]/.test(bare)) return whole
  return `${name}${nameQuote ?? ''}${hidden}${nameQuote ?? ''}`
}

/** JSON stays JSON. */
export function redactSecrets(text: string): string {
  return rules.reduce((clean, { pattern, replacement }) => clean.replace(pattern, replacement as string), text)
}
