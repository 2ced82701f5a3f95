/** A real Docker daemon with one image. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { childEnv } from '../../../src/platform/processes/own-and-child-environment.ts'
import { beforeRemoval, temporaryFolder } from '../temporary.ts'
import { isAlive, sharedPart, startApart } from './shared-part.ts'
import { missingPart } from './skip-without-part.ts'

/**
 * A real Docker Engine on a socket of its own, from Debian's docker.io, with the image `busybox` made of Debian's
 * busybox-static: no registry is needed. It has no bridge: containers have the network `none` or `host`.
 */
export interface DockerEngine {
  /** For `DOCKER_HOST`. */
  host: string
  socket: string
  /** Docker's own command line. @throws Error with what it says, if it fails */
  docker(...args: string[]): Promise<string>
  /** What the daemon's API has at a path: far cheaper than a command line. @throws Error with what it says */
  get(path: string): Promise<unknown>
  /** Names of the containers, running or not, that have all these labels. */
  containersWith(...labels: string[]): Promise<string[]>
  volumesWith(...labels: string[]): Promise<string[]>
  /** The folder of this machine in which the daemon has a volume. */
  folderOfVolume(name: string): Promise<string>
}

/** One of a test's own. */
export interface OwnDockerEngine extends DockerEngine {
  /** As the machine's own service would be: containers end with it. */
  stop(): Promise<void>
  start(): Promise<void>
}

export const IMAGE = 'busybox:latest'
/** The network of a task of which no test looks at the network: a namespace costs as much as the container. */
export const NETWORK = 'host'
/** Nothing but a loopback of its own. */
export const ISOLATED = 'none'
const volume = v.looseObject({ Name: v.string(), Mountpoint: v.string() })
const volumes = v.looseObject({ Volumes: v.nullish(v.array(volume)) })
const containers = v.array(v.looseObject({ Names: v.array(v.string()) }))
const BUSYBOX = '/bin/busybox'
const START_MS = 60_000
const STOP_MS = 20_000

/** The part that is missing, or undefined. */
export function missingDockerPart(): string | undefined {
  return missingPart(() => {
    if (process.platform !== 'linux') return 'a Docker Engine'
    if (process.getuid?.() !== 0) return 'root, which a Docker Engine of the tests runs as'
    const program = ['dockerd', 'docker', 'containerd', 'tar'].find((name) => Bun.which(name) === null)
    return program ?? (existsSync(BUSYBOX) ? undefined : 'busybox-static')
  })
}

let shared: Promise<DockerEngine> | undefined

/** The one that all tests of a run share: each looks at what has its own labels. It goes when they end. */
export function sharedDockerEngine(): Promise<DockerEngine> {
  shared ??= openSharedEngine()
  return shared
}

async function openSharedEngine(): Promise<DockerEngine> {
  const about = await sharedPart('docker', async (folder) => {
    const cmd = [
      'sh',
      '-c',
      'log=$1; shift; exec "$@" >"$log" 2>&1',
      'sh',
      logOf(folder),
      ...daemonIn(folder),
    ]
    const pid = startApart(cmd, environment())
    await comesUp(folder, () => !isAlive(pid))
    await importBusybox(folder, engineIn(folder).docker)
    return { pids: [pid], about: { folder } }
  })
  if (about !== undefined) return engineIn(about.folder)
  const own = await startDockerEngine()
  beforeRemoval(async () => void (shared = undefined))
  return own
}

/** One of a test's own. It, too, goes when the tests end. @param flags for dockerd, beside what it always has */
export async function startDockerEngine(flags: readonly string[] = []): Promise<OwnDockerEngine> {
  const folder = temporaryFolder()
  let child: Bun.Subprocess | undefined

  async function start(): Promise<void> {
    const file = Bun.file(logOf(folder))
    const cmd = [...daemonIn(folder), ...flags]
    const begun = Bun.spawn({ cmd, env: environment(), stdio: ['ignore', file, file] })
    child = begun
    await comesUp(folder, () => begun.exitCode !== null)
  }

  async function stop(): Promise<void> {
    child?.kill('SIGTERM')
    const isGone = await Promise.race([child?.exited.then(() => true), Bun.sleep(STOP_MS).then(() => false)])
    if (isGone === false) child?.kill('SIGKILL')
    await child?.exited
    // What one leaves that had to be killed.
    for (const [, path = ''] of readFileSync('/proc/mounts', 'utf8').matchAll(/^\S+ (\S+)/gm)) {
      if (path.startsWith(`${folder}/`)) await run(['umount', '--lazy', path])
    }
  }

  await start()
  beforeRemoval(stop)
  // A test run that is cut short leaves nothing running.
  process.on('exit', () => child?.kill('SIGTERM'))
  const engine = engineIn(folder)
  await importBusybox(folder, engine.docker)
  return { ...engine, stop, start }
}

const logOf = (folder: string) => join(folder, 'dockerd.log')
const socketOf = (folder: string) => join(folder, 'docker.sock')

function daemonIn(folder: string): string[] {
  return [
    'dockerd',
    '--iptables=false',
    '--bridge=none',
    '--storage-driver=vfs',
    '--shutdown-timeout=2',
    `--data-root=${join(folder, 'data')}`,
    `--exec-root=${join(folder, 'exec')}`,
    `--pidfile=${join(folder, 'dockerd.pid')}`,
    `--host=unix://${socketOf(folder)}`,
  ]
}

async function comesUp(folder: string, isOver: () => boolean): Promise<void> {
  const deadline = Date.now() + START_MS
  while (!(await isUp(socketOf(folder)))) {
    if (isOver() || Date.now() > deadline) {
      throw new Error(`dockerd did not come up:\n${readFileSync(logOf(folder), 'utf8').slice(-2000)}`)
    }
    await Bun.sleep(50)
  }
}

function engineIn(folder: string): DockerEngine {
  const socket = socketOf(folder)
  const host = `unix://${socket}`
  // Past what the environment and contexts of this machine say.
  const docker = async (...args: string[]) => await run(['docker', '-H', host, ...args])

  async function get(path: string): Promise<unknown> {
    const response = await fetch(`http://localhost${path}`, { unix: socket })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return await response.json()
  }
  return {
    host,
    socket,
    docker,
    get,
    containersWith: async (...labels) =>
      v
        .parse(containers, await get(`/containers/json?all=1&${having(labels)}`))
        .flatMap(({ Names }) => Names),
    volumesWith: async (...labels) =>
      (v.parse(volumes, await get(`/volumes?${having(labels)}`)).Volumes ?? []).map(({ Name }) => Name),
    folderOfVolume: async (name) => v.parse(volume, await get(`/volumes/${name}`)).Mountpoint,
  }
}

const having = (labels: string[]) => `filters=${encodeURIComponent(JSON.stringify({ label: labels }))}`

function environment(): Record<string, string> {
  const { DOCKER_HOST: _, DOCKER_CONTEXT: __, ...rest } = childEnv(process.env)
  // The daemon starts its own program anew for each network namespace: most of what that does is collect garbage.
  return { ...rest, GOGC: '400' }
}

async function run(cmd: string[]): Promise<string> {
  const child = Bun.spawn({ cmd, env: environment(), stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  if (code !== 0) throw new Error(`${cmd.join(' ')}: ${err}`)
  return out
}

async function isUp(socket: string): Promise<boolean> {
  try {
    return (await fetch('http://localhost/_ping', { unix: socket })).ok
  } catch {
    return false
  }
}

async function importBusybox(folder: string, docker: DockerEngine['docker']): Promise<void> {
  const root = join(folder, 'busybox')
  for (const path of ['bin', 'tmp', 'etc', 'root']) mkdirSync(join(root, path), { recursive: true })
  chmodSync(join(root, 'tmp'), 0o1777)
  copyFileSync(BUSYBOX, join(root, 'bin/busybox'))
  for (const applet of (await run([BUSYBOX, '--list'])).trim().split('\n')) {
    if (applet !== 'busybox') symlinkSync('busybox', join(root, 'bin', applet))
  }
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/tmp:/bin/sh\n')
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nada:x:1000:\n')
  const archive = join(folder, 'busybox.tar')
  await run(['tar', '-C', root, '-cf', archive, '.'])
  await docker('import', '--change', 'ENV PATH=/bin', '--change', 'CMD ["sh"]', archive, IMAGE)
}
