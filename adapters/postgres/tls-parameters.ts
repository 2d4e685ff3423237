/** TLS in the ledger's URL, by libpq's words and with their meanings: the driver has others for some of them, and takes any word for one. */
import { existsSync } from 'node:fs'
import { MillcourseError } from '../../core/errors.js'

const modes = ['disable', 'require', 'verify-ca', 'verify-full']
/** libpq goes on without TLS where the server has none: whoever sits between the two decides. */
const modesThatGiveIn = ['allow', 'prefer']

/**
 * The URL as the driver has to be given it: `require` encrypts and verifies nobody, unless `sslrootcert` names an authority;
 * `verify-ca` asks for the authority's signature, `verify-full` for the host's name, too.
 * @throws MillcourseError CONFIG_INVALID; TypeError where it is no URL
 */
export function withTlsAsLibpq(url: string): string {
  const { searchParams } = new URL(url)
  checkFiles(searchParams)
  const [mode, ...others] = searchParams.getAll('sslmode')
  if (mode === undefined) return url
  if (others.length > 0) throw invalid('sslmode is said more than once', 'say it once')
  if (modesThatGiveIn.includes(mode))
    throw invalid(
      `sslmode=${mode} would go on without TLS where the server has none`,
      `write ${modes.join(', ')}: disable where the network is trusted`,
    )
  if (!modes.includes(mode)) throw invalid('sslmode is none that libpq has', `write ${modes.join(', ')}`)
  if (mode === 'verify-ca' && !searchParams.get('sslrootcert'))
    throw invalid(
      'sslmode=verify-ca lacks sslrootcert: any public authority would do, for whatever host',
      'let sslrootcert name the PEM file of the authority, or write verify-full',
    )
  // The driver's own switch to libpq's meanings; the last one counts.
  return `${url}&uselibpqcompat=true`
}

/** The driver would find out at the first connection, and it would look like a server that is away. */
function checkFiles(parameters: URLSearchParams): void {
  for (const name of ['sslrootcert', 'sslcert', 'sslkey']) {
    const file = parameters.get(name)
    if (file === null || existsSync(file)) continue
    throw new MillcourseError('CONFIG_INVALID', `${name}=${file} in the ledger's URL: there is no such file`, {
      hint: 'let it name a PEM file that this process can read',
      facts: { variable: 'MILLCOURSE_POSTGRES_URL', file },
    })
  }
}

function invalid(what: string, hint: string): MillcourseError {
  return new MillcourseError('CONFIG_INVALID', `the ledger's URL: ${what}`, {
    hint,
    facts: { variable: 'MILLCOURSE_POSTGRES_URL' },
  })
}
