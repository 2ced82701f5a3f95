/** Runs the git of the system without its settings, with credentials that never stand on a command line. */
import { writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { dirname, join } from 'node:path'
import { Fault } from '../../../contract/fault.ts'
import type { Env } from '../../../platform/processes/own-and-child-environment.ts'
import type { AllowedResolver } from '../script-fetch/resolve-allowed-address.ts'
import { killGroup } from '../signal-process-group.ts'
import { explainGit } from './explain-git-errors.ts'
import type { GitSource } from './git-source.ts'
import { nameOf } from './known-host-keys.ts'

/** The most output of a command; a list of a hundred thousand references has some 6 MiB. */
const MAX_OUTPUT = 32 * 1024 * 1024
const MAX_ERRORS = 64 * 1024
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** Variables that the operator may set: trusted authorities. No proxy, which would connect wherever it can. */
const TRUST = ['SSL_CERT_FILE', 'SSL_CERT_DIR', 'GIT_SSL_CAINFO', 'GIT_SSL_CAPATH']
/** An address where nothing listens. */
const NOWHERE = 'http://127.0.0.1:1'

export interface Git {
  /**
   * Runs git in `folder`. @returns what it printed. @throws Fault saying what is wrong, or the signal's reason
   */
  local(folder: string, args: readonly string[]): Promise<string>
  /** The same for a command that connects to the repository: only it has the credentials. */
  remote(folder: string, args: readonly string[]): Promise<string>
}

export interface GitOptions {
  source: GitSource
  /** Empty and private. */
  scratch: string
  signal: AbortSignal
  env: Env
  reach: AllowedResolver
}

/**
 * The git of the system, without any setting of the machine, the user or a repository that could run a program or
 * redirect it. A password comes from a helper that reads it from its environment; a key goes through a pipe into an
 * agent that lives as long as the command. Git connects only to the addresses that were checked, and to no other host.
 */
export async function openGit({ source, scratch, signal, env, reach }: GitOptions): Promise<Git> {
  const path = env.PATH ?? DEFAULT_PATH
  for (const program of source.access.kind === 'ssh' ? ['git', 'ssh', 'ssh-agent', 'ssh-add'] : ['git']) {
    if (Bun.which(program, { PATH: path }) === null) {
      throw new Fault('failed', `${program} is not installed on the server`, {
        hint: 'install git and an ssh client there',
      })
    }
  }
  const addresses = await reach.addresses(source.host)
  const base = { ...trustOf(env), ...quietEnv(scratch), PATH: path, GIT_ALLOW_PROTOCOL: source.protocol }
  const plain = { ...base, ...configuration(SAFE) }
  const { command, stdin, more } = await prepare({ source, scratch, base, addresses })

  async function run(folder: string, cmd: string[], environment: Env, input?: Uint8Array<ArrayBuffer>) {
    const { code, out, err } = await spawn({ cmd, cwd: folder, env: environment, input, signal })
    if (code === 0) return out
    throw explainGit(code, err, source)
  }

  return {
    local: (folder, args) => run(folder, ['git', ...args], plain),
    remote: (folder, args) => run(folder, [...command, 'git', ...args], more, stdin),
  }
}

type Setting = readonly [key: string, value: string]

const SAFE: readonly Setting[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.attributesFile', '/dev/null'],
  ['core.askPass', ''],
  ['credential.helper', ''],
  // A redirect would send the request, and in older versions of git the password, to another host.
  ['http.followRedirects', 'false'],
  ['http.lowSpeedLimit', '1000'],
  ['http.lowSpeedTime', '60'],
  ['transfer.credentialsInUrl', 'die'],
  ['submodule.recurse', 'false'],
  ['fetch.recurseSubmodules', 'false'],
  ['filter.lfs.smudge', ''],
  ['filter.lfs.clean', ''],
  ['filter.lfs.process', ''],
  ['filter.lfs.required', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['commit.gpgSign', 'false'],
  ['rebase.autoStash', 'false'],
  ['advice.detachedHead', 'false'],
  ['user.name', 'fob'],
  ['user.email', 'fob@localhost'],
]

/** Git's settings by environment variables: a command line would be visible to every user. */
function configuration(settings: readonly Setting[]): Record<string, string> {
  const pairs = settings.flatMap(([key, value], at) => [
    [`GIT_CONFIG_KEY_${at}`, key],
    [`GIT_CONFIG_VALUE_${at}`, value],
  ])
  return {
    GIT_CONFIG_COUNT: String(settings.length),
    ...(Object.fromEntries(pairs) as Record<string, string>),
  }
}

function quietEnv(scratch: string): Record<string, string> {
  return {
    HOME: scratch,
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_SYSTEM: '/dev/null',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: 'false',
    SSH_ASKPASS: 'false',
    SSH_ASKPASS_REQUIRE: 'never',
    GIT_EDITOR: 'true',
    GIT_SEQUENCE_EDITOR: 'true',
    GIT_PAGER: 'cat',
    GIT_LFS_SKIP_SMUDGE: '1',
    // The data folder itself may be inside a repository.
    GIT_CEILING_DIRECTORIES: dirname(scratch),
  }
}

function trustOf(env: Env): Record<string, string> {
  const found: Record<string, string> = {}
  for (const name of TRUST) {
    const value = env[name]
    if (value !== undefined) found[name] = value
  }
  return found
}

interface Prepared {
  /** Prefix of the command. */
  command: string[]
  stdin?: Uint8Array<ArrayBuffer>
  more: Env
}

/** `test`: git also asks a helper to keep and to forget. `printf` is the shell's own, so nothing shows in `ps`. */
const HELPER = `!f() { test "$1" = get && printf 'username=%s\\npassword=%s\\n' "$FOB_GIT_USERNAME" "$FOB_GIT_PASSWORD"; }; f`
/** The agent leaves the process group of the command, and would notice its end only seconds later. */
const WITH_KEY = 'ssh-add -q - || exit 97; "$@" </dev/null; code=$?; kill "$SSH_AGENT_PID"; exit "$code"'

interface Preparing {
  source: GitSource
  scratch: string
  base: Env
  addresses: readonly string[]
}

async function prepare({ source, scratch, base, addresses }: Preparing): Promise<Prepared> {
  const { access } = source
  if (access.kind === 'http') {
    const { login, origin } = access
    const there = webSettings(source, origin, addresses)
    if (login === undefined) return { command: [], more: { ...base, ...configuration(there) } }
    const settings: Setting[] = [...there, [`credential.${origin}.helper`, HELPER]]
    const secrets = { FOB_GIT_USERNAME: login.username, FOB_GIT_PASSWORD: login.password.reveal() }
    return { command: [], more: { ...base, ...configuration(settings), ...secrets } }
  }
  const [config, hosts] = [join(scratch, 'ssh_config'), join(scratch, 'known_hosts')]
  await writeFile(hosts, access.knownHosts, { mode: 0o600 })
  await writeFile(config, sshConfig(source, hosts, addresses), { mode: 0o600 })
  const ssh = { GIT_SSH_COMMAND: `ssh -F ${shellQuoted(config)}`, GIT_SSH_VARIANT: 'ssh' }
  // ssh-add requires a line end after the last line, which is easily lost in copying.
  const key = `${access.key.reveal().replaceAll('\r\n', '\n').trim()}\n`
  return {
    command: ['ssh-agent', '-t', '7200', 'sh', '-c', WITH_KEY, 'sh'],
    stdin: new TextEncoder().encode(key),
    more: { ...base, ...configuration(SAFE), ...ssh },
  }
}

function webSettings({ host, port }: GitSource, origin: string, addresses: readonly string[]): Setting[] {
  const found = addresses.map((address) => (isIP(address) === 6 ? `[${address}]` : address)).join(',')
  return [
    ...SAFE,
    // Any other host, of a submodule, goes through a proxy that does not exist.
    ['http.proxy', NOWHERE],
    [`http.${origin}.proxy`, ''],
    ...(isIP(host) === 0 ? ([['http.curloptResolve', `${host}:${port}:${found}`]] as const) : []),
  ]
}

function sshConfig({ host, port }: GitSource, hosts: string, addresses: readonly string[]): string {
  // ssh takes one address: IPv4 if there is one, as most machines can reach those.
  const address = addresses.find((one) => isIP(one) === 4) ?? addresses[0] ?? host
  return [
    `Host * !${host}`,
    'ProxyCommand false',
    `Host ${host}`,
    `HostName ${address}`,
    `HostKeyAlias ${nameOf(host, port)}`,
    'Host *',
    'BatchMode yes',
    'StrictHostKeyChecking yes',
    `UserKnownHostsFile "${hosts.replaceAll('%', '%%')}"`,
    'GlobalKnownHostsFile /dev/null',
    'CheckHostIP no',
    'UpdateHostKeys no',
    'VerifyHostKeyDNS no',
    'PreferredAuthentications publickey',
    'IdentityFile none',
    'ForwardAgent no',
    'ForwardX11 no',
    'ClearAllForwardings yes',
    'PermitLocalCommand no',
    'ControlPath none',
    'ConnectTimeout 20',
    'ServerAliveInterval 15',
    'ServerAliveCountMax 4',
    'LogLevel ERROR',
    '',
  ].join('\n')
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

interface Command {
  cmd: string[]
  cwd: string
  env: Env
  input?: Uint8Array<ArrayBuffer> | undefined
  signal: AbortSignal
}

async function spawn({
  cmd,
  cwd,
  env,
  input,
  signal,
}: Command): Promise<{ code: number; out: string; err: string }> {
  signal.throwIfAborted()
  const child = Bun.spawn(cmd, {
    cwd,
    env: { ...env },
    stdin: input ?? 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    // A process group of its own: git starts other programs, and all are stopped with it.
    detached: true,
  })
  const kill = () => killGroup(child.pid, 'SIGKILL')
  signal.addEventListener('abort', kill, { once: true })
  if (signal.aborted) kill()
  try {
    const outputs = Promise.all([
      read(child.stdout, MAX_OUTPUT, kill),
      read(child.stderr, MAX_ERRORS, () => {}),
    ])
    const code = await child.exited
    kill()
    const [out, err] = await outputs
    signal.throwIfAborted()
    return { code: out === undefined ? -1 : code, out: out ?? '', err: err ?? '' }
  } finally {
    signal.removeEventListener('abort', kill)
  }
}

/** The first `most` bytes. @returns undefined when there were more and `tooMuch` has stopped the command */
async function read(
  pipe: ReadableStream<Uint8Array>,
  most: number,
  tooMuch: () => void,
): Promise<string | undefined> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of pipe) {
    if (length + chunk.length > most) tooMuch()
    else chunks.push(chunk)
    length += chunk.length
  }
  const isWhole = length <= most || most === MAX_ERRORS
  return isWhole ? Buffer.concat(chunks).toString('utf8') : undefined
}
