/** The login with a browser on another machine, or with none that could be opened here. */
import { Fault } from '../contract/fault.ts'
import type { Lines } from '../platform/terminal/read-lines.ts'
import { CALLBACK_PORTS, callbackUri } from '../contract/cli-oauth-client.ts'
import { type CodeGrant, codeGrant } from './authorization-code-grant.ts'
import type { Flow, FlowContext, Obtained, Redeemed } from './flow-types.ts'
import type { Expected } from './parse-pasted-code.ts'
import { expectedOf, explainDeadPage, nextPasted } from './ask-for-pasted-response.ts'
import { nobodyToPaste, span, withinPatience } from './wait-for-person.ts'
import { OUT_OF_BAND } from './server-discovery.ts'

const TRIES = 3

/**
 * Authorization code with PKCE: the address is shown, and the person pastes what the browser ended with. It opens
 * no port.
 * @param options.outOfBand the server shows the code on a page of its own. Where its metadata says so, it does too.
 */
export function pasteFlow({ outOfBand }: { outOfBand: boolean }): Flow {
  return async (request, context): Promise<Obtained> => {
    const { ui } = context
    const { lines } = ui
    if (lines === undefined) throw nobodyToPaste()
    const grant = await codeGrant(request, context)
    try {
      const withoutRedirect = outOfBand || request.provider.outOfBand === true
      const redirectUri = withoutRedirect ? OUT_OF_BAND : LOOPBACK_REDIRECT
      await lines.ready()
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

interface Tries {
  grant: CodeGrant
  expected: Expected
  lines: Lines
  context: FlowContext
  signal: AbortSignal
}

/** A code that the server does not know counts as a try, as a line without a code does: fingers slip. */
async function readTries({ grant, expected, lines, context, signal }: Tries): Promise<Redeemed> {
  let left = TRIES
  const wrong = (why: string) => {
    left -= 1
    if (left === 0) throw new Fault('login_denied', `no usable code in ${TRIES} tries`, { hint: lower(why) })
    context.ui.say(`${why}. Once more (${left === 1 ? 'the last try' : `${left} tries left`}):`)
  }
  for (;;) {
    const url = await nextPasted(lines, expected, signal, wrong)
    if (url === undefined) throw nobodyToPaste()
    const redemption = await grant.redeem(url)
    if (redemption.kind === 'redeemed') return redemption.redeemed
    wrong('The server does not know this code, or no longer')
  }
}

function lower(sentence: string): string {
  return `${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`
}
