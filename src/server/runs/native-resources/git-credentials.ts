/** How git gets its credentials, and is kept from every other host: a helper and a proxy, or an agent and a config of ssh. */
import { writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import type { Env } from '../../../platform/processes/own-and-child-environment.ts'
import { configuration, SAFE, type Setting } from './git-environment.ts'
import type { GitSource } from './git-source.ts'
import { nameOf } from './known-host-keys.ts'

/** An address where nothing listens. */
const NOWHERE = 'http://127.0.0.1:1'

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

/** Prepares commands that connect to the repository. */
export async function prepareCredentials({ source, scratch, base, addresses }: Preparing): Promise<Prepared> {
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
