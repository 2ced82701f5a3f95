/** Runs the OAuth flow of a login: finds the authorization server, and connects the flow to this terminal. */
import { present } from '../../contract/omit-undefined.ts'
import type { Flow, FlowUi, Obtained, TokenSet } from '../../flows/flow-types.ts'
import type { UserinfoServer } from '../../flows/read-userinfo.ts'
import type { Provider } from '../../flows/server-discovery.ts'
import { isRemoteSession } from '../../platform/browser/open-browser.ts'
import { FOB_CLI_ID } from '../../contract/cli-oauth-client.ts'
import { DEFAULT_CLIENT_ID } from '../../platform/build-constants.ts'
import { traced } from '../../session/trace-requests-for-debug.ts'
import type { LoginWorkload, OAuthClient } from '../../store/store-interface.ts'
import type { Deps } from '../deps.ts'
import type { Globals } from '../parsing/global-flags.ts'
import { isCi, isInteractive } from '../input/read-secret.ts'
import type { FlowMethod } from './choose-login-method.ts'

interface FlowLogin {
  method: FlowMethod
  server: string
  globals: Globals
  clientId: string | undefined
  scopes: readonly string[]
  pushed: boolean
  dpop: boolean
  timeoutMs: number
  debug: (line: string) => void
  /** A server of fob's: it shows the person which machine asks. */
  isFob: boolean
}

export interface FlowResult extends Obtained {
  kind: 'oauth'
  oauth: OAuthClient
  userinfo?: UserinfoServer
  /** The job whose next ID token renews it. */
  workload?: LoginWorkload
}

/** @throws Fault what discovery or the flow throws */
export async function runLoginFlow(login: FlowLogin, deps: Deps): Promise<FlowResult> {
  if (login.method.kind === 'browser' && isMachineAlone(deps)) {
    throw (await import('../../flows/wait-for-person.ts')).nobodyToApprove()
  }
  const { machineName } = await import('../../platform/machine-name.ts')
  const { discoverProvider, scopesToAsk } = await import('../../flows/server-discovery.ts')
  const { userinfoOf } = await import('../../flows/read-userinfo.ts')
  const flow = await loadFlow(login.method)
  const fetch = traced(deps.fetch, login.debug)
  const provider = await discoverProvider(login.server, { fetch, signal: deps.signal })
  const clientId = login.clientId ?? (deps.env.FOB_CLIENT_ID || (DEFAULT_CLIENT_ID ?? FOB_CLI_ID))
  login.debug(`authorization server by ${provider.source}, client ${clientId}`)
  if (provider.source === 'conventional') {
    const { requireAuthorizationServer } = await import('../../flows/probe-server-without-metadata.ts')
    await requireAuthorizationServer(provider, clientId, deps)
  }
  const ui = flowUi(login, deps)
  const { pushed, dpop } = login
  try {
    const obtained = await flow(
      { provider, clientId, scopes: scopesToAsk(provider, login.scopes), pushed, dpop },
      present({
        ui,
        clock: deps.clock,
        fetch,
        signal: deps.signal,
        timeoutMs: login.timeoutMs,
        machine: login.isFob ? machineName() : undefined,
      }),
    )
    const userinfo = userinfoOf(provider, clientId)
    return present({
      ...obtained,
      kind: 'oauth' as const,
      oauth: clientOf(provider, clientId, obtained.tokens),
      userinfo,
    })
  } finally {
    ui.lines?.close()
  }
}

/** Nobody is in front of a CI machine, whatever browser is installed there, unless one is named in `$BROWSER`. */
function isMachineAlone({ env }: Deps): boolean {
  return isCi(env) && !env.BROWSER
}

async function loadFlow(method: FlowMethod): Promise<Flow> {
  if (method.kind === 'device') return (await import('../../flows/device-login.ts')).deviceFlow
  const { pushingOnDemand } = await import('../../flows/authorization-code-grant.ts')
  if (method.kind !== 'paste') {
    return pushingOnDemand((await import('../../flows/browser-login.ts')).browserFlow)
  }
  return pushingOnDemand((await import('../../flows/paste-login.ts')).pasteFlow(method))
}

function flowUi({ method, globals }: FlowLogin, deps: Deps): FlowUi {
  const { io, env } = deps
  const remote = isRemoteSession(env)
  // The login is not possible without the address, so it is shown with --silent as well.
  const say = (line: string) => io.stderr.write(`${line}\n`)
  return {
    say,
    openUrl: async (url) =>
      (await import('../../platform/browser/open-browser.ts')).openBrowser(url, { env }),
    showQr: async (url) => {
      if (!io.stderr.isTerminal) return
      const { qrLines } = await import('../../platform/terminal/qr-code.ts')
      const lines = (await qrLines(url, io.stderr.columns, !env.NO_COLOR)) ?? []
      for (const line of lines) say(line)
    },
    // A pipe is read where the flow depends on a reply; a terminal, wherever prompts are allowed.
    lines:
      isInteractive(deps, globals) || (!io.stdin.isTerminal && (method.kind === 'paste' || remote))
        ? io.stdin.lines()
        : undefined,
    remote,
    attended: io.stderr.isTerminal && globals.input && !isCi(env),
  }
}

/** What refresh and logout will need to know. */
function clientOf(
  { issuer, tokenEndpoint, revocationEndpoint }: Provider,
  clientId: string,
  { dpopKey }: TokenSet,
): OAuthClient {
  const dpop = dpopKey === undefined ? undefined : (true as const)
  return present({ issuer, clientId, tokenEndpoint, revocationEndpoint, dpop })
}
