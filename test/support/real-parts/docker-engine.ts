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
import { childEnv } from '../../../src/platform/processes/own-and-child-environment.ts'
import { beforeRemoval, temporaryFolder } from '../temporary.ts'
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
  /** As the machine's own service would be: containers end with it. */
  stop(): Promise<void>
  start(): Promise<void>
}

export const IMAGE = 'busybox:latest'
/** The only network that this engine has for tasks. */
export const NETWORK = 'none'
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

/** The one that all tests of a file share. It goes when they end. */
export function sharedDockerEngine(): Promise<DockerEngine> {
  if (shared === undefined) {
    shared = startDockerEngine()
    beforeRemoval(async () => void (shared = undefined))
  }
  return shared
}

/** One of a test's own. It, too, goes when the tests end. @param flags for dockerd, beside what it always has */
export async function startDockerEngine(flags: readonly string[] = []): Promise<DockerEngine> {
  const folder = temporaryFolder()
  const socket = join(folder, 'docker.sock')
  const host = `unix://${socket}`
  const log = join(folder, 'dockerd.log')
  let child: Bun.Subprocess | undefined

  async function start(): Promise<void> {
    const cmd = [
      'dockerd',
      '--iptables=false',
      '--bridge=none',
      '--storage-driver=vfs',
      '--shutdown-timeout=2',
      `--data-root=${join(folder, 'data')}`,
      `--exec-root=${join(folder, 'exec')}`,
      `--pidfile=${join(folder, 'dockerd.pid')}`,
      `--host=${host}`,
      ...flags,
    ]
    const file = Bun.file(log)
    child = Bun.spawn({ cmd, env: environment(), stdio: ['ignore', file, file] })
    const { exited } = child
    const deadline = Date.now() + START_MS
    while (!(await isUp(socket))) {
      const isOver = await Promise.race([exited.then(() => true), Bun.sleep(50).then(() => false)])
      if (isOver || Date.now() > deadline) {
        throw new Error(`dockerd did not come up:\n${readFileSync(log, 'utf8').slice(-2000)}`)
      }
    }
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

  // Past what the environment and contexts of this machine say.
  const docker = async (...args: string[]) => await run(['docker', '-H', host, ...args])
  await start()
  beforeRemoval(stop)
  // A test run that is cut short leaves nothing running.
  process.on('exit', () => child?.kill('SIGTERM'))
  await importBusybox(folder, docker)
  return { host, socket, docker, stop, start }
}

function environment(): Record<string, string> {
  const { DOCKER_HOST: _, DOCKER_CONTEXT: __, ...rest } = childEnv(process.env)
  return rest
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
