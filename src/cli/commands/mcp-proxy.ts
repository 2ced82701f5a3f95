/** `fob mcp-proxy`: brings a remote MCP server to a host that starts its servers as programs. */
import { join } from 'node:path'
import { Fault } from '../../contract/fault.ts'
import { VERSION } from '../../platform/build-constants.ts'
import { isOpenable } from '../../platform/browser/open-browser.ts'
import { readSwitch } from '../../platform/parse-boolean-words.ts'
import type { Env } from '../../platform/processes/own-and-child-environment.ts'
import { defineCommand } from '../command.ts'
import type { Deps } from '../deps.ts'
import type { LoginFlags } from '../mcp/connect-login.ts'
import { readHeaders } from '../mcp/read-header-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Connect an AI host on standard input to a remote MCP server',
    details: `Hosts start it; "fob mcp-proxy URL" stands in their settings as the command of a server. It speaks Streamable HTTP, or
HTTP with SSE where the server is an old one, and passes messages of every revision on as they are. Only JSON-RPC is
written to standard output; what happens is in ~/.fob/logs/mcp-proxy.log.

A server that asks for a login gets one: your browser opens, and the requests wait. The host hears "login needed" meanwhile.
The tokens stay in memory. With --header Authorization=… there is no login.`,
    examples: [
      'fob mcp-proxy https://mcp.example.com/mcp',
      'fob mcp-proxy https://mcp.example.com/mcp --client-id my-client',
      'fob mcp-proxy https://mcp.example.com/mcp --header "Authorization=Bearer env:TOKEN"',
    ],
  },
  args: {
    address: { type: 'positional', valueHint: 'URL', description: 'the MCP endpoint of the server' },
    header: {
      type: 'string',
      repeatable: true,
      valueHint: 'NAME=VALUE',
      description: 'a header of every request; "env:NAME" in VALUE is read from that variable',
    },
    'client-id': {
      type: 'string',
      valueHint: 'ID',
      description:
        'the OAuth client to be, or the URL of its metadata document; default: one that registers itself',
    },
    'client-secret': {
      type: 'string',
      valueHint: 'env:NAME',
      description: 'the variable that has the secret of --client-id',
    },
    resource: {
      type: 'string',
      valueHint: 'URL',
      description: 'what the tokens are for; default: what the server says',
      negativeDescription: 'do not say what the tokens are for: some servers refuse it',
    },
    'allow-private': {
      type: 'boolean',
      default: false,
      description: 'also where the server names an address of a private network for its login',
    },
    timeout: { type: 'string', valueHint: 'TIME', description: 'how long a login may take (default 2m)' },
  },
  run: ({ args }, deps) =>
    mcpProxy(
      {
        address: args.address,
        headers: args.header,
        clientId: args['client-id'],
        clientSecret: args['client-secret'],
        resource: args.resource,
        timeout: args.timeout,
        allowPrivate: args['allow-private'],
      },
      deps,
    ),
})

interface McpProxyOptions extends LoginFlags {
  address: string
  headers: readonly string[]
}

/** Runs until the host ends standard input or this process. @throws Fault `usage` before anything is sent */
async function mcpProxy({ address, headers: flags, ...login }: McpProxyOptions, deps: Deps): Promise<void> {
  const { io, clock, signal, env, home } = deps
  const url = endpointOf(address, env)
  const headers = readHeaders(flags, env)
  const log = await openLog(home, url, deps)
  const { runProxy } = await import('../../mcp/proxy.ts')
  log(`started for ${url}`)
  await runProxy({
    url,
    headers: Object.fromEntries([...headers].map(([name, value]) => [name, value.reveal()])),
    ...(headers.has('authorization') ? { fetch: deps.fetch } : await withLogin(url, login, deps, log)),
    clock,
    log,
    signal,
    input: io.stdin.chunks(),
    write: io.stdout.send,
  })
  log('ended')
}

/** Requests that wait for the login which the server asks for. */
async function withLogin(url: string, flags: LoginFlags, deps: Deps, log: (line: string) => void) {
  const { connectLogin } = await import('../mcp/connect-login.ts')
  const { authorizingFetch } = await import('../../mcp/authorization/authorizing-fetch.ts')
  const { duringLogin } = await import('../../mcp/respond-during-login.ts')
  const login = connectLogin(url, flags, deps, log)
  return {
    fetch: authorizingFetch(login, deps),
    duringLogin: duringLogin(login, { clock: deps.clock, url, version: VERSION }),
  }
}

/** Plain http is for this machine alone: requests carry a credential. */
function endpointOf(text: string, env: Env): string {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new Fault('usage', 'the address of the server is not an http or https URL', {
      hint: 'such as fob mcp-proxy https://mcp.example.com/mcp',
    })
  }
  if (url.username !== '' || url.password !== '') {
    throw new Fault('usage', 'the address holds a user or a password', {
      hint: 'put the credential into a variable, and name that: --header "Authorization=Basic env:CREDENTIAL"',
    })
  }
  if (!isOpenable(url.href) && readSwitch(env.FOB_INSECURE_HTTP ?? '') !== true) {
    throw new Fault('usage', `${url.origin} is plain http, and a credential must not travel over it`, {
      hint: 'use https; plain http is for this machine alone, or for a network that you trust with FOB_INSECURE_HTTP=true',
    })
  }
  url.hash = ''
  return url.href
}

async function openLog(home: string, url: string, { clock, env, io }: Deps): Promise<(line: string) => void> {
  const { openBoundedLog } = await import('../../platform/files/bounded-log-file.ts')
  const write = openBoundedLog(join(home, 'logs', 'mcp-proxy.log'))
  const { host } = new URL(url)
  const isVerbose = readSwitch(env.MCP_PROXY_DEBUG ?? '') === true
  return (line) => {
    const text = `${new Date(clock.now()).toISOString()} ${process.pid} ${host} ${line}`
    write(text)
    if (isVerbose) io.stderr.write(`${text}\n`)
  }
}
