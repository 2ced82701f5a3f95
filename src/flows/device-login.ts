/** The login by a short code that is approved in any browser (RFC 8628). */
import { Fault, type FaultCode } from '../contract/fault.ts'
import { present } from '../contract/omit-undefined.ts'
import { DEVICE_GRANT } from '../contract/cli-oauth-client.ts'
import { isOpenable } from '../platform/browser/open-browser.ts'
import { safeLine } from '../platform/terminal/make-text-printable.ts'
import type { FlowContext, FlowRequest, Obtained, Redeemed } from './flow-types.ts'
import { type Binding, bindTokens } from './dpop/decide-token-binding.ts'
import { configure, type Configured } from './configure-openid-client.ts'
import { revokeArrived } from './revoke-token.ts'
import { span } from './wait-for-person.ts'

/** RFC 8628 §3.2: the interval where the server names none; and what `slow_down` adds, for good (§3.5). */
const DEFAULT_INTERVAL_S = 5
const SLOWER_BY_MS = 5000
/** Nobody polls faster than this, whatever the server allows. */
const SHORTEST_INTERVAL_MS = 1000
/** A server that comes back is noticed within this time, however long it was away. */
const LONGEST_PAUSE_MS = 60_000
/** What is no response of a token endpoint, so that the next may be one. */
const AWAY: ReadonlySet<FaultCode> = new Set(['unreachable', 'server_error'])

/** The server's response for this login, its words made safe. */
interface DeviceCode {
  deviceCode: string
  userCode: string
  /** With the code in it, where the server gives one (RFC 8628 §3.3.1). */
  address: string
  holdsCode: boolean
  intervalMs: number
  /** Milliseconds since 1970: when the code expires, or the person's time is over. */
  end: number
}

/**
 * The device authorization grant: a short code, approved in any browser on any machine. It opens no port and asks
 * for nothing, so it also works without a terminal.
 */
export async function deviceFlow(request: FlowRequest, context: FlowContext): Promise<Obtained> {
  const { provider, clientId } = request
  const binding = await bindTokens(request, context)
  const { fetch, signal, machine } = context
  const configured = await configure(provider, clientId, present({ fetch, signal, machine, binding }))
  let step = 'get a code for this device'
  try {
    const code = await askWhereItIs(request, context, configured)
    step = 'get the tokens of this login'
    await show(code, context)
    const redeemed = await poll(code, request, context, { ...configured, binding })
    return { ...redeemed, conclude: async () => {} }
  } catch (error) {
    await revokeArrived(configured, request, context.fetch)
    throw configured.toFault(error, step)
  }
}

/** At the endpoint of the metadata, else at the conventional ones, one after the other. */
async function askWhereItIs(
  request: FlowRequest,
  context: FlowContext,
  configured: Configured,
): Promise<DeviceCode> {
  const { provider, clientId } = request
  const { deviceAuthorizationEndpoint: first, deviceAuthorizationFallback: second } = provider
  if (first === undefined) throw notOffered(provider.issuer)
  if (second === undefined) return askForCode(request, context, configured)
  try {
    return await askForCode(request, context, configured)
  } catch (error) {
    if (!isNotThere(configured, error)) throw error
  }
  const other = await configure({ ...provider, deviceAuthorizationEndpoint: second }, clientId, context)
  try {
    return await askForCode(request, context, other)
  } catch (error) {
    throw isNotThere(other, error) ? notOffered(provider.issuer) : other.toFault(error)
  }
}

/** Statuses of a path that a server does not know; LemonLDAP::NG, for one, says 401. */
const NOT_THERE: ReadonlySet<number> = new Set([401, 403, 404, 405, 501])

/** What the endpoint itself says (RFC 8628 §3.2, RFC 6749 §5.2); other servers' JSON has an `error` as well. */
const OF_OAUTH: ReadonlySet<string> = new Set([
  'access_denied',
  'invalid_client',
  'invalid_request',
  'invalid_scope',
  'invalid_target',
  'slow_down',
  'unauthorized_client',
  'unsupported_grant_type',
])

/** Whether a response comes from a server that has no such endpoint: not in OAuth's words, or 404. */
function isNotThere({ refusalOf, client }: Configured, error: unknown): boolean {
  const refusal = refusalOf(error)
  if (refusal === undefined) {
    // Another page, under 200 or behind a redirect.
    return error instanceof client.ClientError && error.code?.startsWith('OAUTH_RESPONSE') === true
  }
  const { status, error: code } = refusal
  if (code !== undefined && OF_OAUTH.has(code)) return status === 404
  return (status >= 300 && status < 400) || NOT_THERE.has(status)
}

function notOffered(issuer: string): Fault {
  return new Fault('usage', `${issuer} does not offer --device`, {
    hint: 'log in with --no-browser, which needs nothing but a browser on any machine',
  })
}

async function askForCode(
  { scopes }: FlowRequest,
  { clock, timeoutMs }: FlowContext,
  { client, config }: Configured,
): Promise<DeviceCode> {
  const given = await client.initiateDeviceAuthorization(
    config,
    scopes.length === 0 ? {} : { scope: scopes.join(' ') },
  )
  const complete = given.verification_uri_complete
  return {
    deviceCode: given.device_code,
    userCode: safeLine(given.user_code, 64),
    address: safeLine(complete ?? given.verification_uri, 2000),
    holdsCode: complete !== undefined,
    intervalMs: Math.max(SHORTEST_INTERVAL_MS, (given.interval ?? DEFAULT_INTERVAL_S) * 1000),
    end: clock.now() + Math.min(given.expires_in * 1000, timeoutMs),
  }
}

/** The code is shown even where the address holds it: that the two agree is the person's check (§5.4). */
async function show({ address, userCode, holdsCode, end }: DeviceCode, context: FlowContext): Promise<void> {
  const { ui, clock } = context
  ui.say('To log in, open this address in a browser, on any machine:')
  ui.say('')
  ui.say(`  ${address}`)
  ui.say('')
  ui.say(
    holdsCode
      ? `It shows the code ${userCode}: approve if it is the same.`
      : `and enter the code ${userCode}`,
  )
  const openable = isOpenable(address)
  if (openable) await ui.showQr(address)
  ui.say(`Waiting for your approval (at most ${span(end - clock.now())}; Ctrl-C gives up) …`)
  if (openable && !ui.remote) void ui.openUrl(address)
}

async function poll(
  code: DeviceCode,
  { scopes }: FlowRequest,
  { clock, signal }: FlowContext,
  configured: Configured & { binding: Binding },
): Promise<Redeemed> {
  const { client, config, redeemed, faultFor, refusalOf, binding } = configured
  let pace: Pace = { intervalMs: code.intervalMs }
  for (;;) {
    const waitMs = Math.max(pace.intervalMs, pace.onceMs ?? 0)
    await clock.sleep(Math.min(waitMs, Math.max(0, code.end - clock.now())), signal)
    if (clock.now() >= code.end) throw faultFor('expired_token')
    try {
      const ask = () => client.genericGrantRequest(config, DEVICE_GRANT, { device_code: code.deviceCode })
      const response = await binding.attempt(ask, refusalOf)
      return redeemed(response, clock, scopes)
    } catch (error) {
      const next = nextPace(error, pace.intervalMs, configured)
      if (next === undefined) throw error
      pace = next
    }
  }
}

interface Pace {
  intervalMs: number
  /** Before the next poll alone, where the server has named a time. */
  onceMs?: number
}

/** How to poll after `error`; undefined where that ends the login. */
function nextPace(
  error: unknown,
  intervalMs: number,
  { refusalOf, toFault, arrived }: Configured,
): Pace | undefined {
  // The code is used up: what is wrong with the response has to be told.
  if (arrived() !== undefined) return undefined
  const refusal = refusalOf(error)
  if (refusal?.status === 429 || refusal?.error === 'slow_down') {
    return { intervalMs: intervalMs + SLOWER_BY_MS, onceMs: (refusal.retryAfter ?? 0) * 1000 }
  }
  if (refusal?.error === 'authorization_pending') return { intervalMs }
  if (refusal?.error !== undefined) return undefined
  const fault = toFault(error)
  const away = fault instanceof Fault && (refusal !== undefined || AWAY.has(fault.code))
  // RFC 8628 §3.5: a connection that fails asks for a slower pace, not for giving up.
  return away ? { intervalMs: Math.max(intervalMs, Math.min(intervalMs * 2, LONGEST_PAUSE_MS)) } : undefined
}
