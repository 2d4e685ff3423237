/** DynamoDB Local, Amazon's own: had by Maven once, kept in the cache; knows PartiQL and TTL settings, which dynalite does not. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import getPort from 'get-port'

const version = '3.0.0'
const run = promisify(execFile)
const startTimeoutMs = 60_000

export interface DynamoDbLocal {
  readonly endpoint: string
  /** Of the Java process. */
  readonly pid: number
  stop(): Promise<void>
}

/** The folder of its jars; downloads them where they are absent. @throws Error saying what to install */
export async function findDynamoDbLocal(onProgress: (line: string) => void = () => {}): Promise<string> {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  const folder = join(cache, 'millcourse', `dynamodb-local-${version}`)
  if (existsSync(join(folder, `DynamoDBLocal-${version}.jar`))) return folder
  for (const program of ['java', 'mvn'])
    if (!(await isThere(program)))
      throw new Error(
        `DynamoDB Local needs Java 17 or later and Maven; there is no ${program} (Debian: apt-get install openjdk-17-jre-headless maven)`,
      )
  onProgress(`DynamoDB Local ${version}: downloading it with Maven, once`)
  await mkdir(dirname(folder), { recursive: true })
  const work = await mkdtemp(`${folder}-`)
  try {
    await writeFile(join(work, 'pom.xml'), pom)
    const jars = join(work, 'lib')
    await run('mvn', [
      '-q',
      '-B',
      '-f',
      join(work, 'pom.xml'),
      'dependency:copy-dependencies',
      `-DoutputDirectory=${jars}`,
    ])
    // Another process may have been quicker.
    await rename(jars, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error
    })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return folder
}

/** One in memory, on a free port; it ends with this process, however that ends. */
export async function startDynamoDbLocal(): Promise<DynamoDbLocal> {
  const jars = await findDynamoDbLocal()
  const port = await getPort({ host: '127.0.0.1' })
  const main = 'software.amazon.dynamodb.services.local.main.ServerRunner'
  // The shell's open standard input is the leash: Java itself would outlive a parent that was killed.
  const leash = 'java "$@" </dev/null >/dev/null 2>&1 & echo $!; cat >/dev/null; kill $!'
  const args = [
    `-Djava.library.path=${jars}`,
    '-cp',
    `${jars}/*`,
    main,
    '-inMemory',
    '-disableTelemetry',
    '-port',
    String(port),
  ]
  const child = spawn('sh', ['-c', leash, 'sh', ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const stop = async (): Promise<void> => {
    child.stdin.end()
    await exited
  }
  const endpoint = `http://127.0.0.1:${port}`
  for (let waitedMs = 0; waitedMs < startTimeoutMs; waitedMs += 100) {
    if (await answers(endpoint)) return { endpoint, pid: Number(line.toString()), stop }
    await sleep(100)
  }
  await stop()
  throw new Error(`DynamoDB Local does not answer at ${endpoint} after ${startTimeoutMs / 1_000} s`)
}

async function answers(endpoint: string): Promise<boolean> {
  return await fetch(endpoint, { method: 'POST' }).then(
    () => true,
    () => false,
  )
}

async function isThere(program: string): Promise<boolean> {
  return await run(program, ['-version']).then(
    () => true,
    () => false,
  )
}

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>millcourse</groupId>
  <artifactId>dynamodb-local</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>software.amazon.dynamodb</groupId>
      <artifactId>DynamoDBLocal</artifactId>
      <version>${version}</version>
    </dependency>
  </dependencies>
</project>
`
