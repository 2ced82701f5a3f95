import { Fault } from '../contract/fault.ts'
import type { Lines } from '../platform/terminal/read-lines.ts'
import { CALLBACK_PORTS, callbackUri } from '../contract/oauth-client.ts'
import { type CodeGrant, codeGrant, type Redeemed } from './authorization-code-grant.ts'
import type { Flow, FlowContext, FlowRequest, FlowUi, Obtained } from './flow.ts'
import { type Expected, readPasted } from './parse-pasted-code.ts'
import { nobodyAnswers, span, withinPatience } from './wait-for-person.ts'
import { OUT_OF_BAND } from './server-discovery.ts'

const TRIES = 3

/**
 * Authorization code with PKCE where the browser is on another machine, or nowhere to be opened from (S217 to
 * S220): the address is shown, and the person pastes what the browser ended with. It listens on nothing.
 * @param options.outOfBand the server shows the code itself: asked for, or said by its metadata.
 */
export function pasteFlow({ outOfBand }: { outOfBand: boolean }): Flow {
  return async (request, context): Promise<Obtained> => {
    const { ui } = context
    const { lines } = ui
    if (lines === undefined) throw nobodyAnswers()
    const grant = await codeGrant(request, context)
    try {
      const withoutRedirect = outOfBand || request.provider.outOfBand === true
      const redirectUri = withoutRedirect ? OUT_OF_BAND : LOOPBACK_REDIRECT
      ui.say('To log in, open this address in a browser, on any machine, and approve the request:')
      ui.say('')
      ui.say(`  ${await grant.authorizeUrl(redirectUri)}`)
      ui.say('')
      if (withoutRedirect) ui.say('The page then shows a code.')
      else explainDeadPage(ui, redirectUri)
      ui.say(`Paste it here and press Enter (within ${span(context.timeoutMs)}; Ctrl-C gives up):`)
      const expected = expectedOf(request, grant, redirectUri)
      const redeemed = await withinPatience(context, (signal) =>
        readTries({ grant, expected, lines, context, signal }),
      )
      return { ...redeemed, conclude: async () => {} }
    } catch (error) {
      throw grant.toFault(error)
    }
  }
}

/** The first of the five that servers know. */
const LOOPBACK_REDIRECT = callbackUri(CALLBACK_PORTS[0])

/** S218: the page that looks like a failure is not one. */
export function explainDeadPage(ui: FlowUi, redirectUri: string): void {
  ui.say(`The browser then ends at ${redirectUri}?code=… and says that it cannot`)
  ui.say(
    'connect ("connection refused"). That is as it should be: the page is dead, and its address holds the',
  )
  ui.say('code. Copy the whole address from the address bar, or what follows "code=".')
}

/** What an answer to this login has to fit. */
export function expectedOf({ provider }: FlowRequest, { state }: CodeGrant, redirectUri: string): Expected {
  return { redirectUri, state, issuer: provider.issuer, sendsIss: provider.sendsIss }
}

/**
 * The next line that reads as an answer to this login; others are answered with what is wrong with them.
 * @param wrong is told of each line that is none.
 * @returns undefined when the input has ended.
 */
export async function nextAnswer(
  lines: Lines,
  expected: Expected,
  signal: AbortSignal,
  wrong: (why: string) => void,
): Promise<URL | undefined> {
  for (;;) {
    const line = await lines.next(signal)
    if (line === undefined) return undefined
    const pasted = readPasted(line, expected)
    if (pasted.kind === 'answer') return pasted.url
    if (pasted.kind === 'wrong') wrong(pasted.why)
  }
}

interface Tries {
  grant: CodeGrant
  expected: Expected
  lines: Lines
  context: FlowContext
  signal: AbortSignal
}

/** A code that the server does not know is a try like a line that is none: fingers slip. */
async function readTries({ grant, expected, lines, context, signal }: Tries): Promise<Redeemed> {
  let left = TRIES
  const wrong = (why: string) => {
    left -= 1
    if (left === 0) throw new Fault('login_denied', `no usable code in ${TRIES} tries`, { hint: lower(why) })
    context.ui.say(`${why}. Once more (${left === 1 ? 'the last try' : `${left} tries left`}):`)
  }
  for (;;) {
    const url = await nextAnswer(lines, expected, signal, wrong)
    if (url === undefined) throw nobodyAnswers()
    const redeemed = await grant.redeem(url)
    if ('tokens' in redeemed) return redeemed
    wrong('The server does not know this code, or no longer')
  }
}

function lower(sentence: string): string {
  return `${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`
}
