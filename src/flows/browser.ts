import { Fault } from '../contract/fault.ts'
import { CALLBACK_PORTS, listenForCallback, type LoopbackListener } from '../platform/loopback.ts'
import type { FlowContext, FlowRequest, Obtained } from './flow.ts'
import { configure, toFault, toTokenSet } from './openid.ts'

/**
 * Authorization code with PKCE through the browser on this machine (RFC 8252; S195, S200 to S216). The
 * verifier and the state are fresh, live in this function alone, and are never written (S239).
 */
export async function browserFlow(
  request: FlowRequest,
  context: FlowContext,
  ports: readonly number[] = CALLBACK_PORTS,
): Promise<Obtained> {
  const { provider, clientId, scopes } = request
  const { client, config } = await configure(provider, clientId, context)
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const listener = listenForCallback(state, ports)
  if (listener === undefined) throw noPort(ports)
  try {
    const authorizeUrl = client.buildAuthorizationUrl(config, {
      redirect_uri: listener.redirectUri,
      state,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
      // OpenID Connect Core §11: without it the server must not give a refresh token.
      ...(scopes.includes('offline_access') ? { prompt: 'consent' } : {}),
    })
    sendToBrowser(authorizeUrl.href, context)
    const answer = await waitForCallback(listener, context)
    // Checks `error`, `state`, and `iss` where the server sends it (RFC 9207).
    const response = await client.authorizationCodeGrant(config, answer, {
      pkceCodeVerifier: verifier,
      expectedState: state,
    })
    return {
      tokens: toTokenSet(response, context.clock, scopes),
      conclude: (outcome) => listener.close(outcome),
    }
  } catch (error) {
    const fault = toFault(client, error, provider.issuer, context.signal)
    await listener.close({ ok: false, message: fault instanceof Fault ? fault.message : 'something failed' })
    throw fault
  }
}

/** Does not wait for the browser to come up: the person may be quicker with the address than it is. */
function sendToBrowser(url: string, context: FlowContext): void {
  const { ui, timeoutMs } = context
  ui.say('To log in, approve the request in your browser:')
  ui.say('')
  ui.say(`  ${url}`)
  ui.say('')
  ui.say(`Waiting for your approval (at most ${Math.ceil(timeoutMs / 1000)} s; Ctrl-C gives up) …`)
  void open(url, context)
}

async function open(url: string, { ui }: FlowContext): Promise<void> {
  if (!(await ui.openUrl(url))) ui.say('No browser could be opened here: open the address above yourself.')
}

/** The callback, or the end of the person's time, or Ctrl-C: whichever comes first. */
async function waitForCallback(listener: LoopbackListener, context: FlowContext): Promise<URL> {
  const over = new AbortController()
  const patience = context.clock
    .sleep(context.timeoutMs, AbortSignal.any([context.signal, over.signal]))
    .then((): never => {
      throw new Fault('login_timeout', 'the login was not approved in time', {
        hint: 'run it again, with --timeout 10m for more time; if the browser complained about the client, name one with --client-id',
      })
    })
  try {
    return await Promise.race([listener.callback, patience])
  } finally {
    over.abort(new Error('the wait is over'))
    patience.catch(() => {})
  }
}

function noPort(ports: readonly number[]): Fault {
  return new Fault('failed', 'no callback port available', {
    hint: `other programs hold the ports ${ports.join(', ')} of 127.0.0.1; end one of them and run it again`,
  })
}
