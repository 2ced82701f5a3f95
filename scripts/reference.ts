/**
 * Writes docs/reference.md from the definitions of the commands, the settings and the route table: what users read is
 * what the program does. `test/reference.test.ts` fails when the file is out of date.
 *   node_modules/.bin/bun scripts/reference.ts
 */
import { resolve } from 'node:path'
import type { Command } from '../src/cli/command.ts'
import { EXIT } from '../src/cli/exit-codes.ts'
import { flagUsages, usage } from '../src/cli/output/help.ts'
import type { Args } from '../src/cli/parsing/argument-definitions.ts'
import { SYNONYMS } from '../src/cli/parsing/command-synonyms-and-effects.ts'
import { loadAll, runnable } from '../src/cli/parsing/find-command.ts'
import { GLOBAL_FLAGS } from '../src/cli/parsing/global-flags.ts'
import { ROOT } from '../src/cli/root-command.ts'
import { ROUTES } from '../src/server/http/routes.ts'
import { SETTING_NAMES, SETTINGS, variableName } from '../src/server/settings/setting-table.ts'

export const REFERENCE = resolve(import.meta.dir, '../docs/reference.md')

/** What the client takes from its environment; `test/reference.test.ts` looks for others in the source. */
export const VARIABLES: Readonly<Record<string, string>> = {
  FOB_SERVER: 'which server, as `--server`',
  FOB_TENANT: 'which tenant, as `--tenant`',
  FOB_ACCOUNT: 'which of several logins at the server: a name, an e-mail address or an ID',
  FOB_TOKEN: 'a credential that counts before stored logins, as `--auth-token`',
  FOB_JWT_TOKEN: 'the same for a JWT, checked before it is sent, as `--jwt-token`',
  CI_AUTH_TOKEN: 'the same, after both',
  FOB_ID_TOKEN:
    'the ID token of this CI job, which is exchanged for a token where there is no other credential ([ci.md](ci.md))',
  FOB_ID_TOKEN_FILE:
    'the same in a file, such as a projected token in Kubernetes, as `--workload-token-file`',
  FOB_ID_TOKEN_AUDIENCE: 'whom the ID token has to be for, where that is not the address of the server',
  FOB_HOME:
    'the folder of `config.toml`, logins and trusted projects instead of `~/.fob`; it has keychain entries of its own',
  FOB_AUTH_CONFIG: 'another credentials file, and no keychain, as `--auth-config`',
  CI_AUTH_CONFIG: 'the same, where `FOB_AUTH_CONFIG` is not set',
  FOB_CLIENT_ID: 'the OAuth client to log in as, as `--client-id` of `fob auth login`',
  FOB_OUTPUT: '`table`, `tsv` or `json`, as `--output`',
  FOB_SIGN: '`1`: sign every request that carries a `ci_` token, `0`: none ([signing.md](signing.md))',
  FOB_INSECURE_HTTP:
    '`1`: send credentials over plain http to other machines too, where all on the way are yours; logins with OAuth still want https',
  FOB_PROXY_PORT:
    'the port of 127.0.0.1 at which the browser comes back to `fob mcp-proxy`, where it is free ([mcp.md](mcp.md))',
  MCP_CLIENT_NAME: 'the name under which `fob mcp-proxy` registers itself; default `fob`',
  MCP_PROXY_DEBUG: '`true`: `fob mcp-proxy` writes its log to standard error as well',
  FOB_DEBUG: '`1`: show what is sent and received, without secrets, as `--debug`',
  BROWSER: 'programs that open addresses, tried in turn, parted by `:` (`;` on Windows); `%s` is the address',
  CI: 'set and not `false`: never prompt, draw no progress',
  NO_COLOR: 'set: draw QR codes without colours',
  'HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY':
    'the proxy for requests, and the hosts that are reached without it, in capitals or not ([networks.md](networks.md)); those to this machine never go through one',
  'SSL_CERT_FILE, NODE_EXTRA_CA_CERTS': 'a file with certificate authorities to trust as well',
  SSL_CERT_DIR: 'a folder of them, prepared by `openssl rehash`',
  NODE_TLS_REJECT_UNAUTHORIZED: '`0`: certificates are not checked, and every command warns of it',
}

/** The whole page. */
export async function renderReference(): Promise<string> {
  const described = await commandParts(ROOT, 'fob')
  const listed = new Set(described.map((part) => part.split('\n')[0]?.replace('### ', '') ?? ''))
  const parts = [
    '# Reference',
    'Written by `scripts/reference.ts` from the source; do not edit.',
    '## Flags of every command',
    flagTable(GLOBAL_FLAGS),
    '## Variables of the client',
    'A flag counts before its variable; a variable that is empty says nothing. [Those of the server](#settings-of-the-server) are its settings.',
    variableTable(),
    '## Exit codes',
    exitTable(),
    '## Commands',
    ...described,
    '## Other spellings of commands',
    await otherSpellings(listed),
    synonyms(),
    '## Settings of the server',
    'Each is a flag of `fob server`, a variable (`FOB_…`, then `CI_…`) and a key of the `--config` file, where tables join with "-". A relative path in that file is from the folder of the file; in a flag or a variable, from the current one.',
    settingTable(),
    '## Routes of the server',
    'Guard: `none` is anyone, `protocol` is authenticated by OAuth itself, `session` is bound to a cookie, `any` is any valid credential, `person` is a login of somebody’s own (no token, no login of another program), `signature` is a webhook signed with its secret, `metrics` is an administrator of the server, or anybody with `--metrics-open`, and the others are the scope that is needed; with `page:` before it, of a person in their browser.',
    routeTable(),
  ]
  return `${parts.join('\n\n')}\n`
}

async function commandParts(group: Command, path: string): Promise<string[]> {
  const parts: string[] = []
  if (group.default !== undefined) parts.push(commandPart(await runnable(group), path))
  for (const [word, command] of await loadAll(group)) {
    const words = `${path} ${word}`
    if (command.subCommands === undefined) parts.push(commandPart(command, words))
    else parts.push(...(await commandParts(command, words)))
  }
  return parts
}

function commandPart(command: Command | undefined, path: string): string {
  if (command === undefined) throw new Error(`the default command of ${path} is missing`)
  const { meta, args } = command
  const line = usage(args, path)
  const parts = [`### ${path}`, `${meta.description}.`, meta.details ?? '']
  parts.push(['```sh', ...(line === path ? [] : [line, '']), ...meta.examples, '```'].join('\n'))
  if (flagUsages(args).length > 0) parts.push(flagTable(args))
  return parts.filter((part) => part !== '').join('\n\n')
}

/** Every way to type a command, with the command itself. */
async function spellings(group: Command, path: string): Promise<[path: string, command: Command][]> {
  const found: [string, Command][] = []
  for (const [word, command] of await loadAll(group, { hidden: true })) {
    const words = `${path} ${word}`
    if (command.subCommands === undefined) found.push([words, command])
    else found.push(...(await spellings(command, words)))
    if (command.default !== undefined) found.push([words, (await runnable(command)) ?? command])
  }
  return found
}

/** Spellings that are read and in no list, and the command that each is. The two share their `run`. */
async function otherSpellings(listed: ReadonlySet<string>): Promise<string> {
  const all = await spellings(ROOT, 'fob')
  const rows = all.flatMap(([path, { run }]) => {
    const [same] = all.find(([other, command]) => listed.has(other) && command.run === run) ?? []
    return listed.has(path) || same === undefined ? [] : [[`\`${path}\``, `\`${same}\``]]
  })
  return table(['Also read', 'Means'], rows)
}

function synonyms(): string {
  const words = [...SYNONYMS].map(([word, meant]) => `\`${word}\` as \`${meant.join('` or `')}\``)
  return `In every group that has the word it stands for: ${words.join(', ')}. A group is also read in its other number: \`secret\`, \`pipelines\`.`
}

function flagTable(args: Args): string {
  const rows = flagUsages(args).map(({ short, long, others, description }) => {
    const more = others.length === 0 ? '' : ` (${others.map((other) => `\`${other}\``).join(', ')})`
    return [`\`${short === undefined ? '' : `${short}, `}${long}\`${more}`, description]
  })
  return table(['Flag', 'Meaning'], rows)
}

function variableTable(): string {
  const rows = Object.entries(VARIABLES).map(([names, meaning]) => [
    names
      .split(', ')
      .map((name) => `\`${name}\``)
      .join(', '),
    meaning,
  ])
  return table(['Variable', 'Meaning'], rows)
}

function exitTable(): string {
  const byStatus = new Map<number, string[]>([[0, ['done']]])
  for (const [code, status] of Object.entries(EXIT)) {
    byStatus.set(status, [...(byStatus.get(status) ?? []), `\`${code}\``])
  }
  const rows = [...byStatus]
    .toSorted(([a], [b]) => a - b)
    .map(([status, codes]) => [String(status), codes.join(', ')])
  return table(['Exit code', '`error.code` with `-o json`'], rows)
}

function settingTable(): string {
  const rows = SETTING_NAMES.map((name) => {
    const { value, description, secret } = SETTINGS[name] ?? { description: '' }
    const file = secret === true ? ` (or \`--${name}-file PATH\`)` : ''
    return [
      `\`--${name}${value === undefined ? '' : ` ${value}`}\`${file}`,
      `\`FOB_${variableName(name)}\``,
      description,
    ]
  })
  return table(['Flag', 'Variable', 'Meaning'], rows)
}

function routeTable(): string {
  return table(
    ['Method', 'Path', 'Guard'],
    ROUTES.map(({ method, path, guard }) => [method, `\`${path}\``, `\`${guard}\``]),
  )
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [tableRow(head), tableRow(head.map(() => '---')), ...rows.map(tableRow)].join('\n')
}

function tableRow(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

if (import.meta.main) await Bun.write(REFERENCE, await renderReference())
