/** The login through a browser on this machine, or with what the person pastes from another one (RFC 8252). */
import { Fault } from '../contract/fault.ts'
import { CALLBACK_PATH, CALLBACK_PORTS } from '../contract/cli-oauth-client.ts'
import { listenForCallback, type LoopbackListener } from '../platform/browser/callback-listener.ts'
import { type CodeGrant, codeGrant } from './authorization-code-grant.ts'
import type { FlowContext, FlowRequest, Obtained, Redeemed } from './flow-types.ts'
import type { Expected } from './parse-pasted-code.ts'
import { expectedOf, explainDeadPage, nextPasted } from './ask-for-pasted-response.ts'
import { nobodyToApprove, nobodyToPaste, span, withinPatience } from './wait-for-person.ts'
import { refusalFault } from './oauth-errors-to-faults.ts'

/** A browser that shows an error instead of coming back shows it soon. */
const HINT_AFTER_MS = 20_000

/**
 * Authorization code with PKCE through the browser. The response comes to a listener on this machine, or is pasted,
 * so that a browser on another machine will do as well.
 * @param ports those at which the listener may stand, in the order in which it tries them.
 */
export async function browserFlow(
  request: FlowRequest,
  context: FlowContext,
  ports: readonly number[] = CALLBACK_PORTS,
): Promise<Obtained> {
  const grant = await codeGrant(request, context)
  const listener = listenForCallback(grant.state, { ports, path: CALLBACK_PATH })
  if (listener === undefined) throw await noPort(ports)
  try {
    const { redirectUri } = listener
    await context.ui.lines?.ready()
    const opened = invite(await grant.authorizeUrl(redirectUri), redirectUri, context)
    const expected = expectedOf(request, grant, redirectUri)
    const redeemed = await waitForTokens({ grant, listener, opened, expected, request, context })
    return { ...redeemed, conclude: (outcome) => listener.close(outcome) }
  } catch (error) {
    const fault = grant.toFault(error)
    await listener.close({ ok: false, message: fault instanceof Fault ? fault.message : 'something failed' })
    throw fault
  }
}

/**
 * Does not wait for the browser to open: the person may be quicker with the address.
 * @returns whether one could be opened; undefined where none was to be
 */
function invite(
  url: string,
  redirectUri: string,
  { ui, timeoutMs }: FlowContext,
): Promise<boolean> | undefined {
  const patience = `(at most ${span(timeoutMs)}; Ctrl-C gives up) …`
  if (ui.remote) {
    ui.say('This is a session over SSH without a display: open the address in the browser in front of you.')
  }
  ui.say(`To log in, approve the request in your browser:`)
  ui.say('')
  ui.say(`  ${url}`)
  ui.say('')
  if (ui.remote) {
    explainDeadPage(ui, redirectUri)
    ui.say(`Paste it here and press Enter ${patience}`)
    return undefined
  }
  ui.say(`Waiting for your approval ${patience}`)
  if (ui.lines !== undefined) ui.say('Is the browser on another machine? Paste the address it ends at here.')
  return open(url, ui)
}

async function open(url: string, ui: FlowContext['ui']): Promise<boolean> {
  const opened = await ui.openUrl(url)
  if (!opened && ui.attended) ui.say('No browser could be opened here: open the address above yourself.')
  return opened
}

interface Wait {
  grant: CodeGrant
  listener: LoopbackListener
  opened: Promise<boolean> | undefined
  expected: Expected
  request: FlowRequest
  context: FlowContext
}

/** Until a response brings tokens: a refused code of the browser's ends the login, a pasted one may be a mistake. */
async function waitForTokens(wait: Wait): Promise<Redeemed> {
  const { grant, context } = wait
  for (;;) {
    const response = await withinPatience(context, (signal) => {
      void hintLater(wait, signal)
      return firstResponse(wait, signal)
    })
    const redemption = await grant.redeem(response.url)
    if (redemption.kind === 'redeemed') return redemption.redeemed
    if (!response.pasted) throw redemption.fault
    context.ui.say('The server does not know this code, or no longer. Paste another, or use the browser:')
  }
}

/** The one that the browser brings or the person pastes, whichever is first. */
async function firstResponse(wait: Wait, signal: AbortSignal): Promise<{ url: URL; pasted: boolean }> {
  const brought = wait.listener.callback.then((url) => ({ url, pasted: false }))
  const pasted = pastedResponse(wait, signal).then((url) => url && { url, pasted: true })
  const failed = Promise.race([noBrowser(wait), unverifiedRefusal(wait, signal)])
  return (await Promise.race([brought, pasted, failed])) ?? Promise.race([brought, failed])
}

/** A response that is meant for this login comes within this time, if the other one was sent by somebody else. */
const UNVERIFIED_AFTER_MS = 4000

/** @throws Fault for an error without `state`, where nothing better comes. */
async function unverifiedRefusal({ listener, request, context }: Wait, signal: AbortSignal): Promise<never> {
  const { searchParams } = await listener.unverified
  await context.clock.sleep(UNVERIFIED_AFTER_MS, signal)
  const { code, message, hint } = refusalFault(
    {
      error: searchParams.get('error') ?? '',
      error_description: searchParams.get('error_description') ?? undefined,
    },
    { server: request.provider.issuer, asked: 'login', redact: (text) => text },
  )
  throw new Fault(code, `${message} (unverified: the response has no state)`, { hint })
}

/** Settles only where nobody is left who could approve. @throws Fault `prompt_needed` */
async function noBrowser({ opened, context: { ui } }: Wait): Promise<never> {
  if (opened !== undefined && !ui.attended && !(await opened)) throw nobodyToApprove()
  return new Promise(() => {})
}

/**
 * @returns undefined where nobody pastes, or nobody any more.
 * @throws Fault `prompt_needed` where no browser was opened either.
 */
async function pastedResponse(
  { expected, context: { ui } }: Wait,
  signal: AbortSignal,
): Promise<URL | undefined> {
  const wrong = (why: string) => ui.say(`${why}.`)
  const url = ui.lines === undefined ? undefined : await nextPasted(ui.lines, expected, signal, wrong)
  if (url === undefined && ui.remote) throw nobodyToPaste()
  return url
}

/** A server that refuses the authorization request shows that in the browser, and tells us nothing. */
async function hintLater({ request, context }: Wait, signal: AbortSignal): Promise<void> {
  try {
    await context.clock.sleep(HINT_AFTER_MS, signal)
  } catch {
    return
  }
  context.ui.say(
    `Does the browser show an error instead? The server may not know the client ID ${request.clientId}` +
      ` (name another with --client-id) or a scope (--scope).`,
  )
}

async function noPort(ports: readonly number[]): Promise<Fault> {
  const { portHolders } = await import('../platform/browser/find-process-listening-on-port.ts')
  const held = new Map<string, number[]>()
  for (const [port, { name, pid }] of portHolders(ports)) {
    const who = `${name} (process ${pid})`
    held.set(who, [...(held.get(who) ?? []), port])
  }
  const known = [...held].map(([who, its]) => `${who} holds ${its.toSorted((a, b) => a - b).join(', ')}`)
  const who = known.length === 0 ? `other programs hold ${ports.join(', ')}` : known.join('; ')
  return new Fault('failed', 'no callback port available', {
    hint: `${who} on 127.0.0.1; stop one of them, or log in with --no-browser or --device`,
  })
}
