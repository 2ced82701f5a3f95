/** A person who brings the server's response from the browser by hand: what they are told, and what they paste. */
import type { Lines } from '../platform/terminal/read-lines.ts'
import type { CodeGrant } from './authorization-code-grant.ts'
import type { FlowRequest, FlowUi } from './flow-types.ts'
import { type Expected, readPasted } from './parse-pasted-code.ts'

/** The page that the browser ends at looks like a failure and is not one. */
export function explainDeadPage(ui: FlowUi, redirectUri: string): void {
  ui.say(`The browser then ends at ${redirectUri}?code=… and says that it cannot`)
  ui.say(
    'connect ("connection refused"). That is as it should be: the page is dead, and its address holds the',
  )
  ui.say('code. Copy the whole address from the address bar, or what follows "code=".')
}

/** What a response to this login has to fit. */
export function expectedOf({ provider }: FlowRequest, { state }: CodeGrant, redirectUri: string): Expected {
  return { redirectUri, state, issuer: provider.issuer, sendsIss: provider.sendsIss }
}

/**
 * The next line that reads as a response to this login.
 * @param wrong is told what is wrong with each other line; empty lines are passed over.
 * @returns undefined when the input has ended.
 */
export async function nextPasted(
  lines: Lines,
  expected: Expected,
  signal: AbortSignal,
  wrong: (why: string) => void,
): Promise<URL | undefined> {
  for (;;) {
    const line = await lines.next(signal)
    if (line === undefined) return undefined
    const pasted = readPasted(line, expected)
    if (pasted.kind === 'response') return pasted.url
    if (pasted.kind === 'wrong') wrong(pasted.why)
  }
}
