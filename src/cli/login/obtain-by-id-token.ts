/** Obtains the credential of a login by the ID token of the job, for `fob auth login --workload`. */
import { resolve } from 'node:path'
import { FOB_CLI_ID } from '../../contract/cli-oauth-client.ts'
import { Fault } from '../../contract/fault.ts'
import { tokenEndpointOf } from '../../flows/workload/exchange-id-token.ts'
import {
  audienceFor,
  type IdTokenSource,
  namedIdToken,
  type Workload,
} from '../../flows/workload/find-id-token.ts'
import { traced } from '../../session/trace-requests-for-debug.ts'
import { workloadTokens } from '../../session/workload/workload-tokens.ts'
import type { Deps } from '../deps.ts'
import type { FlowResult } from './run-login-flow.ts'

interface WorkloadLogin {
  /** Undefined: the ID token that there is. */
  workload: Workload | undefined
  server: string
  scopes: readonly string[]
  debug: (line: string) => void
  isFob: boolean
}

/** @throws Fault `unauthenticated` without an ID token, or where it is refused; `config` at a server that is not fob's */
export async function obtainByIdToken(login: WorkloadLogin, deps: Deps): Promise<FlowResult> {
  const { server } = login
  const source = absolute(namedIdToken(login.workload, deps.env, audienceFor(server, deps.env)), deps.cwd)
  if (!login.isFob) {
    throw new Fault('config', `${server} is not a fob server, and an ID token is sent to no other`, {
      hint: 'name the server with -s URL or FOB_SERVER',
    })
  }
  const scopes = login.scopes.flatMap((words) => words.split(/[\s,]+/)).filter((scope) => scope !== '')
  const tokens = await workloadTokens(
    source,
    server,
    { ...deps, fetch: traced(deps.fetch, login.debug) },
    scopes,
  )
  return {
    kind: 'oauth',
    tokens,
    // Such a token is stored nowhere at the server: nothing but its time ends it.
    oauth: { issuer: server, clientId: FOB_CLI_ID, tokenEndpoint: tokenEndpointOf(server) },
    workload: source.kind === 'file' ? source : { kind: source.kind },
    conclude: async () => {},
  }
}

/** Later commands, which renew the login, can be in another folder. */
function absolute(source: IdTokenSource, cwd = '/'): IdTokenSource {
  return source.kind === 'file' ? { kind: 'file', path: resolve(cwd, source.path) } : source
}
