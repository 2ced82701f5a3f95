/** A real SSH server. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../free-port.ts'
import { temporaryFolder } from '../temporary.ts'
import { missingPart } from './skip-without-part.ts'

/** A private sshd on a free port of loopback, with a host key of its own, that lets one key in. */
export interface Sshd {
  port: number
  user: string
  /** What it lets in, as a file has it. */
  privateKey: string
  /** Of another one. */
  strangersKey: string
  /** Its host key, as a line of known_hosts. */
  knownHosts: string
  stop(): Promise<void>
}

const SSHD = ['/usr/sbin/sshd', '/usr/bin/sshd', '/usr/local/sbin/sshd'].find((path) => existsSync(path))
const START_MS = 10_000

/** The part that is missing, or undefined. */
export function missingSshd(): string | undefined {
  return missingPart(() =>
    SSHD === undefined ? 'sshd' : ['ssh', 'ssh-keygen', 'ssh-agent'].find((part) => Bun.which(part) === null),
  )
}

/** @param passphrase of the private key */
export function makeKey(folder: string, name: string, passphrase = ''): { path: string; text: string } {
  const path = join(folder, name)
  const cmd = ['ssh-keygen', '-q', '-t', 'ed25519', '-N', passphrase, '-C', 'test', '-f', path]
  const { exitCode, stderr } = Bun.spawnSync({ cmd })
  if (exitCode !== 0) throw new Error(`ssh-keygen: ${stderr.toString()}`)
  return { path, text: readFileSync(path, 'utf8') }
}

export async function startSshd(): Promise<Sshd> {
  if (SSHD === undefined) throw new Error('sshd is not installed')
  const folder = temporaryFolder()
  const [host, client, stranger] = ['host', 'client', 'stranger'].map((name) => makeKey(folder, name))
  // As root it wants a folder for the half of itself that has no rights.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  const port = freePort()
  const config = join(folder, 'sshd_config')
  const settings = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${host?.path}`,
    `AuthorizedKeysFile ${client?.path}.pub`,
    `PidFile ${join(folder, 'pid')}`,
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin prohibit-password',
    'UsePAM no',
    'StrictModes no',
    'MaxStartups 100',
    // What `git-upload-pack` answers in the version of the protocol that is asked for.
    'AcceptEnv GIT_PROTOCOL',
    // Else bash would first run the start-up file of whoever tests: with some of them a second for each connection.
    `SetEnv HOME=${folder}`,
  ]
  writeFileSync(config, `${settings.join('\n')}\n`)
  const child = Bun.spawn({ cmd: [SSHD, '-D', '-e', '-f', config], stdio: ['ignore', 'ignore', 'pipe'] })
  process.on('exit', () => child.kill())
  await answering(port, child)
  const [type, key] = readFileSync(`${host?.path}.pub`, 'utf8').split(' ')
  return {
    port,
    // Bun's own answer is taken from the environment.
    user: Bun.spawnSync(['id', '-un']).stdout.toString().trim(),
    privateKey: client?.text ?? '',
    strangersKey: stranger?.text ?? '',
    knownHosts: `[127.0.0.1]:${port} ${type} ${key}\n`,
    stop: async () => {
      child.kill()
      await child.exited
    },
  }
}

async function answering(port: number, child: Bun.Subprocess<'ignore', 'ignore', 'pipe'>): Promise<void> {
  const deadline = Date.now() + START_MS
  while (Date.now() < deadline && child.exitCode === null) {
    const socket = await Bun.connect({ hostname: '127.0.0.1', port, socket: { data() {} } }).catch(
      () => undefined,
    )
    if (socket) return void socket.end()
    await Bun.sleep(20)
  }
  child.kill()
  throw new Error(`sshd did not come up: ${await new Response(child.stderr).text()}`)
}
