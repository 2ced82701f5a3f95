/** A real S3 server: OpenStack Swift. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { childEnv } from '../../../src/platform/processes/own-and-child-environment.ts'
import { endAll, nextNumber, sharedPart, startApart } from './shared-part.ts'
import { missingPart } from './skip-without-part.ts'
import { signed } from './s3-signer.ts'
import { freePort } from '../free-port.ts'
import { beforeRemoval, temporaryFolder } from '../temporary.ts'

/**
 * A real S3 server on loopback: OpenStack Swift with its s3api, as Debian packages it. It checks signatures,
 * keeps what it is given and answers with S3's own errors. It knows no conditional writes and no server-side
 * encryption of its own: `s3-front.ts` adds those.
 */
export interface S3Server {
  endpoint: string
  accessKeyId: string
  secretAccessKey: string
  createBucket(name: string): Promise<void>
  /** From now on it keeps every version of its objects. */
  keepVersions(bucket: string): Promise<void>
  put(bucket: string, key: string, content: string | Uint8Array): Promise<void>
  /** Every object of a bucket (under a prefix) as it is stored. */
  objects(bucket: string, prefix?: string): Promise<Map<string, Buffer>>
  stop(): Promise<void>
}

const PARTS = [
  'memcached',
  'swift-proxy-server',
  'swift-account-server',
  'swift-container-server',
  'swift-object-server',
]
const START_MS = 60_000
/** As many as tests of one run can want. */
const ACCOUNTS = 50
const BUSY_MS = 15_000
const FILTERS = [
  'catch_errors',
  'gatekeeper',
  'healthcheck',
  'listing_formats',
  'bulk',
  'copy',
  'slo',
  'dlo',
  'symlink',
]

/** The part that is missing, or undefined. */
export function missingS3Part(): string | undefined {
  return missingPart(() =>
    process.platform === 'linux' ? PARTS.find((part) => Bun.which(part) === null) : 'OpenStack Swift',
  )
}

/** In an account of its own, of the server that the whole run shares, or of one that goes with `stop`. */
export async function startS3Server(): Promise<S3Server> {
  const shared = await sharedPart('swift', async (folder) => {
    const { port, pids } = await startSwift(folder)
    return { pids, about: { port } }
  })
  if (shared !== undefined) return accountOf(shared.port, nextNumber('swift-account'), async () => {})
  const { port, pids } = await startSwift(temporaryFolder())
  beforeRemoval(async () => endAll(pids))
  return accountOf(port, 1, async () => endAll(pids))
}

async function startSwift(folder: string): Promise<{ port: number; pids: number[] }> {
  const ports = {
    proxy: freePort(),
    account: freePort(),
    container: freePort(),
    object: freePort(),
    cache: freePort(),
  }
  const etc = join(folder, 'etc')
  mkdirSync(etc)
  mkdirSync(join(folder, 'node/d1'), { recursive: true })
  writeConfiguration(folder, etc, ports)
  const env = { ...childEnv(process.env), SWIFT_DIR: etc }
  const commands = [
    ['memcached', '-l', '127.0.0.1', '-p', String(ports.cache), '-u', user(), '-m', '16'],
    // Debian's own Python, which has Swift's modules.
    ['/usr/bin/python3', join(import.meta.dir, 'swift-servers.py'), etc],
  ]
  const pids = commands.map((cmd) => startApart(cmd, env))
  try {
    // All four servers have to be there for this.
    await answering(() => ask(ports.proxy, accountKeys(1), 'PUT', '/is-it-up'))
  } catch (error) {
    endAll(pids)
    throw error
  }
  return { port: ports.proxy, pids }
}

const accountKeys = (account: number) => ({
  accessKeyId: `test${account}:tester`,
  secretAccessKey: 'testing',
})

function ask(
  port: number,
  keys: ReturnType<typeof accountKeys>,
  method: string,
  path: string,
  body?: Uint8Array<ArrayBuffer>,
): Promise<Response> {
  const url = `http://127.0.0.1:${port}${path}`
  return fetch(signed({ method, url, ...keys, ...(body && { body }) }))
}

/** @param account buckets are named within one */
function accountOf(port: number, account: number, stop: () => Promise<void>): S3Server {
  const keys = accountKeys(account)
  const once = (method: string, path: string, body?: Uint8Array<ArrayBuffer>) =>
    ask(port, keys, method, path, body)
  /** On a busy machine a part of it can be late, and it says 503: what a client does then. */
  const send: typeof once = async (...request) => {
    const deadline = Date.now() + BUSY_MS
    for (;;) {
      const answer = await once(...request)
      if (answer.status !== 503 || Date.now() > deadline) return answer
      await answer.body?.cancel()
      await Bun.sleep(200)
    }
  }
  return {
    endpoint: `http://127.0.0.1:${port}`,
    ...keys,
    async createBucket(name) {
      const answer = await send('PUT', `/${name}`)
      if (!answer.ok) throw new Error(`no bucket: ${answer.status} ${await answer.text()}`)
    },
    async keepVersions(name) {
      const status = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>'
      const answer = await send('PUT', `/${name}?versioning=`, Uint8Array.from(Buffer.from(status)))
      if (!answer.ok) throw new Error(`no versions: ${answer.status} ${await answer.text()}`)
    },
    async put(bucket, key, content) {
      const answer = await send('PUT', `/${bucket}/${key}`, Uint8Array.from(Buffer.from(content)))
      if (!answer.ok) throw new Error(`not stored: ${answer.status} ${await answer.text()}`)
    },
    async objects(bucket, prefix = '') {
      const query = `list-type=2&prefix=${encodeURIComponent(prefix)}`
      const list = await (await send('GET', `/${bucket}?${query}`)).text()
      const names = [...list.matchAll(/<Key>([^<]*)<\/Key>/g)].map((match) => match[1] ?? '')
      const found = new Map<string, Buffer>()
      for (const name of names) {
        found.set(name, Buffer.from(await (await send('GET', `/${bucket}/${name}`)).arrayBuffer()))
      }
      return found
    },
    stop,
  }
}

/** Bun's own answer is taken from the environment. */
function user(): string {
  return Bun.spawnSync(['id', '-un']).stdout.toString().trim()
}

async function answering(ask: () => Promise<Response>): Promise<void> {
  const deadline = Date.now() + START_MS
  while (Date.now() < deadline) {
    const status = (await ask().catch(() => undefined))?.status
    // 409: a try before, which did not say so, has made it.
    if (status === 200 || status === 409) return
    await Bun.sleep(100)
  }
  throw new Error('the S3 server did not come up')
}

type Ports = Record<'proxy' | 'account' | 'container' | 'object' | 'cache', number>

function writeConfiguration(folder: string, etc: string, ports: Ports): void {
  const write = (name: string, lines: string[]) => writeFileSync(join(etc, name), `${lines.join('\n')}\n`)
  const common = (port: number) => [
    '[DEFAULT]',
    `swift_dir = ${etc}`,
    `user = ${user()}`,
    'log_level = WARNING',
    'workers = 0',
    'bind_ip = 127.0.0.1',
    `bind_port = ${port}`,
  ]
  write('swift.conf', ['[swift-hash]', 'swift_hash_path_suffix = test', 'swift_hash_path_prefix = test'])
  for (const part of ['account', 'container', 'object'] as const) {
    writeFileSync(join(etc, `${part}.ring.gz`), ring(ports[part]))
    write(`${part}.conf`, [
      ...common(ports[part]),
      `devices = ${folder}/node`,
      'mount_check = false',
      'disable_fallocate = true',
      '[pipeline:main]',
      `pipeline = ${part}-server`,
      `[app:${part}-server]`,
      `use = egg:swift#${part}`,
    ])
  }
  const pipeline =
    'catch_errors gatekeeper healthcheck proxy-logging cache listing_formats bulk s3api tempauth copy slo dlo versioned_writes symlink proxy-logging proxy-server'
  write('proxy.conf', [
    ...common(ports.proxy),
    '[pipeline:main]',
    `pipeline = ${pipeline}`,
    '[app:proxy-server]',
    'use = egg:swift#proxy',
    'account_autocreate = true',
    // It is asked before its parts are up, and would leave them alone for a minute then.
    'error_suppression_interval = 0',
    'error_suppression_limit = 1000000',
    '[filter:tempauth]',
    'use = egg:swift#tempauth',
    ...Array.from({ length: ACCOUNTS }, (_, i) => `user_test${i + 1}_tester = testing .admin`),
    '[filter:s3api]',
    'use = egg:swift#s3api',
    's3_acl = false',
    'location = us-east-1',
    'dns_compliant_bucket_names = false',
    '[filter:cache]',
    'use = egg:swift#memcache',
    `memcache_servers = 127.0.0.1:${ports.cache}`,
    '[filter:proxy-logging]',
    'use = egg:swift#proxy_logging',
    '[filter:versioned_writes]',
    'use = egg:swift#versioned_writes',
    'allow_object_versioning = true',
    ...FILTERS.flatMap((name) => [`[filter:${name}]`, `use = egg:swift#${name}`]),
  ])
}

/**
 * All partitions on one device: where Swift looks for an object. Written here as `RingData.serialize_v1` of
 * swift/common/ring/ring.py has it, since `swift-ring-builder` takes three starts of Python for each.
 */
function ring(port: number): Uint8Array<ArrayBuffer> {
  const place = { ip: '127.0.0.1', port, replication_ip: '127.0.0.1', replication_port: port }
  const device = { id: 0, region: 1, zone: 1, device: 'd1', weight: 1, meta: '', ...place }
  const bits = 4
  const about = { byteorder: 'little', devs: [device], part_shift: 32 - bits, replica_count: 1, version: 1 }
  const json = Buffer.from(JSON.stringify(about))
  const head = Buffer.from('R1NG\0\x01\0\0\0\0', 'latin1')
  head.writeUInt32BE(json.length, 6)
  // Of each partition the number of its device, in 16 bits.
  const devices = Buffer.alloc(2 * 2 ** bits)
  return Bun.gzipSync(Buffer.concat([head, json, devices]))
}
