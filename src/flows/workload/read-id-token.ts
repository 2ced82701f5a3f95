/** Reads the ID token of a job from where it is. It never leaves by this: only its endpoint is asked, if it has one. */
import * as v from 'valibot'
import { Fault } from '../../contract/fault.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Fetch } from '../../platform/fetch-type.ts'
import { readSmallFile } from '../../platform/files/read-private-files.ts'
import { readBounded } from '../../platform/network/bounded-body.ts'
import { cannotReach } from '../../platform/network/describe-fetch-failure.ts'
import { isLoopbackHost } from '../../platform/network/is-loopback-host.ts'
import { parseJson } from '../../platform/parse-json.ts'
import { safeLine } from '../../platform/terminal/make-text-printable.ts'
import { Secret } from '../../redact/secret.ts'
import { howToGetOne, type IdTokenSource } from './find-id-token.ts'

export interface IdTokenContext {
  clock: Clock
  fetch: Fetch
  signal: AbortSignal
}

/** Far more than the claims of a job take. */
const MAX_BYTES = 64 * 1024
/** A CI job waits for it: an endpoint that does not respond within seconds is down. */
const REQUEST_TIMEOUT_MS = 5000
/** GitHub's endpoint fails now and then, and responds to the next request. */
const PAUSE_MS = 1000

/**
 * The ID token of a job, as it was given: its claims are not looked at.
 * @param audience whom it has to be for; an endpoint issues it so
 * @throws Fault `unauthenticated` where there is none, `unreachable` or `server_error` where its endpoint fails;
 * `config` for an endpoint that is not a private one; the signal's reason
 */
export async function readIdToken(
  source: IdTokenSource,
  audience: string,
  context: IdTokenContext,
): Promise<Secret> {
  if (source.kind === 'gitlab') return source.idToken
  if (source.kind === 'github') return requestIdToken(source, audience, context)
  const text = readSmallFile(source.path, MAX_BYTES)
  if (text !== undefined) return new Secret(text.trim())
  const file = source.path === '' ? 'the file in FOB_ID_TOKEN_FILE' : safeLine(source.path)
  throw new Fault('unauthenticated', `${file} cannot be read as an ID token`, {
    hint: howToGetOne('file', audience),
  })
}

async function requestIdToken(
  source: Extract<IdTokenSource, { kind: 'github' }>,
  audience: string,
  context: IdTokenContext,
): Promise<Secret> {
  const url = endpointOf(source.requestUrl)
  url.searchParams.set('audience', audience)
  const first = await ask(url, source.requestToken, context)
  if (first.kind === 'issued') return first.idToken
  if (first.kind === 'away') {
    await context.clock.sleep(PAUSE_MS, context.signal)
    const second = await ask(url, source.requestToken, context)
    if (second.kind === 'issued') return second.idToken
    throw second.fault
  }
  throw first.fault
}

/** The request token is a secret: it goes over https, or stays on this machine. */
function endpointOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPrivate = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopbackHost(url.hostname))
  if (url !== undefined && isPrivate) return url
  throw new Fault('config', 'ACTIONS_ID_TOKEN_REQUEST_URL is not an https URL', {
    hint: 'GitHub Actions sets it; no step should change it',
  })
}

type Asked =
  | { kind: 'issued'; idToken: Secret }
  /** The same request may work in a while. */
  | { kind: 'away'; fault: Fault }
  | { kind: 'refused'; fault: Fault }

const issuedSchema = v.looseObject({ value: v.pipe(v.string(), v.nonEmpty()) })

async function ask(url: URL, requestToken: Secret, { fetch, signal }: IdTokenContext): Promise<Asked> {
  let response: Response
  let text: string | undefined
  try {
    response = await fetch(url.href, {
      headers: { accept: 'application/json', authorization: `Bearer ${requestToken.reveal()}` },
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
    })
    text = await readBounded(response, MAX_BYTES)
  } catch (error) {
    signal.throwIfAborted()
    const { message, hint } = cannotReach(`the ID token endpoint of GitHub Actions at ${url.origin}`, error)
    return { kind: 'away', fault: new Fault('unreachable', message, { hint }) }
  }
  const { status } = response
  const says = `the ID token endpoint of GitHub Actions responded with ${status}`
  if (status >= 500 || status === 429) return { kind: 'away', fault: new Fault('server_error', says) }
  const issued = v.safeParse(issuedSchema, text === undefined ? undefined : parseJson(text))
  if (status === 200 && issued.success) return { kind: 'issued', idToken: new Secret(issued.output.value) }
  const fact = status === 200 ? `${says} and no ID token` : says
  const hint = 'the job needs "permissions: id-token: write", and its token ends with it'
  return { kind: 'refused', fault: new Fault('unauthenticated', fact, { hint }) }
}
