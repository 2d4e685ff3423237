/** Postgres is away for a while: which kind of away, and what a person can do. Runs wait for all of them by themselves. */
export interface Outage {
  readonly what: string
  readonly hint: string
}

interface Kind extends Outage {
  /** SQLSTATEs, and what Node's sockets and resolver say. */
  readonly codes: RegExp
  /** Of the driver, which gives its own errors no code. */
  readonly messages?: RegExp
}

/** The first that fits. */
const kinds: readonly Kind[] = [
  {
    codes: /^ECONNREFUSED$/,
    what: 'does not answer',
    hint: 'is the server up, and are host and port in MILLCOURSE_POSTGRES_URL right? locally: millcourse dev',
  },
  {
    codes: /^(ENOTFOUND|EAI_AGAIN)$/,
    what: 'cannot be found',
    hint: 'correct the host in MILLCOURSE_POSTGRES_URL, or see the name service (DNS) of this machine',
  },
  {
    codes: /^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|57014)$/,
    messages: /timeout exceeded when trying to connect|due to connection timeout|query read timeout/i,
    what: 'does not answer in time',
    hint: 'see the network between (firewall, routes), then the server and what keeps it busy (pg_stat_activity)',
  },
  {
    codes: /^53300$/,
    what: 'takes no more connections',
    hint: 'raise its max_connections, or let each process take fewer: MILLCOURSE_POSTGRES_POOL',
  },
  { codes: /^53...$/, what: 'is out of resources', hint: 'see disk and memory of the server' },
  {
    codes: /^25006$/,
    what: 'takes no writes',
    hint: 'it is a standby, or its disk is full: let MILLCOURSE_POSTGRES_URL name the primary',
  },
  {
    codes: /^(57P0[123])$/,
    what: 'is starting or stopping',
    hint: 'try again in a moment; when it lasts, see its log',
  },
  {
    codes: /^(08...|25P03|ECONNRESET|EPIPE)$/,
    messages: /connection terminated|client has encountered a connection error|socket disconnected|write after end/i,
    what: 'closed the connection',
    hint: 'try again; when it lasts, see the log of the server and what lies between (pooler, firewall)',
  },
  { codes: /^ENOENT$/, what: 'does not answer', hint: 'the socket in MILLCOURSE_POSTGRES_URL is not there' },
]

/** Null: it is something else. */
export function findOutage(code: string | undefined, message: string): Outage | null {
  const kind = kinds.find(({ codes, messages }) =>
    code === undefined ? (messages?.test(message) ?? false) : codes.test(code),
  )
  return kind ?? null
}
