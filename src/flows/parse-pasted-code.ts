/**
 * What a person brings back from the browser by hand: a bare code, `code=…&state=…`, or the whole address
 * the browser ended at, with whatever a terminal, a chat or a mail has put around it.
 */

export interface Expected {
  redirectUri: string
  state: string
  issuer: string
  /** The server's responses always carry `iss` (RFC 9207). */
  sendsIss: boolean
}

export type Pasted =
  /** In the shape of a redirect, complete: parameters that were left out have the expected values. */
  | { kind: 'response'; url: URL }
  /** An empty line. */
  | { kind: 'nothing' }
  /** `why` is a whole sentence without its full stop. */
  | { kind: 'wrong'; why: string }

/** A code is of visible ASCII (RFC 6749, appendix A.11). */
const CODE = /^[\u0021-\u007e]{1,65536}$/
/** Longer than any address that a browser shows. */
const MAX_CHARS = 64 * 1024
// oxlint-disable-next-line no-control-regex -- the marks of a bracketed paste, with ESC or what is left of it
const PASTE_MARKS = /(?:\u001b|\^\[)?\[20[01]~/g
// oxlint-disable-next-line no-control-regex -- nothing of this is ever part of a code
const CONTROL = /[\u0000-\u001f\u007f]+/g
const QUOTES = '"\'`<>“”‘’«»'
const AROUND = new RegExp(`^[\\s${QUOTES}]+|[\\s${QUOTES}]+$`, 'g')

/** Checks `state` and `iss` where they are there; a bare code is bound to this login by PKCE alone. */
export function readPasted(text: string, expected: Expected): Pasted {
  if (text.length > MAX_CHARS) return { kind: 'wrong', why: 'That is too long to be a code' }
  const clean = text.replace(PASTE_MARKS, '').replace(CONTROL, ' ').replace(AROUND, '')
  if (clean === '') return { kind: 'nothing' }
  const query = queryOf(clean)
  if (query !== undefined) return fromQuery(query, expected)
  if (/^(?:https?:|127\.0\.0\.1|localhost[:/])/i.test(clean)) {
    return { kind: 'wrong', why: 'That address holds no code: copy the one that the browser ended at' }
  }
  if (!CODE.test(clean)) {
    return { kind: 'wrong', why: 'That is not a code: a code has no blanks and plain letters only' }
  }
  // Copied out of an address bar it still has the address's escapes.
  return responseOf(new URLSearchParams({ code: unescape(clean) }), expected)
}

/** The parameters of an address or of a piece of one. */
function queryOf(text: string): URLSearchParams | undefined {
  const mark = text.indexOf('?')
  const piece = text
    .slice(mark + 1)
    .replace(/#.*$/, '')
    .replace(/\s+/g, '')
  if (/^(?:.*&)?(?:code|error)=/.test(piece)) return new URLSearchParams(piece)
  // From behind `code=` to the end of the address bar.
  if (mark < 0 && /&(?:state|iss)=/.test(piece)) return new URLSearchParams(`code=${piece}`)
  return undefined
}

function fromQuery(query: URLSearchParams, expected: Expected): Pasted {
  // RFC 6749 §3.1: parameters must not be included more than once.
  if (['code', 'error', 'state', 'iss'].some((name) => query.getAll(name).length > 1)) {
    return { kind: 'wrong', why: 'That address says the same thing twice: copy it once' }
  }
  const state = query.get('state')
  if (state !== null && state !== expected.state) {
    return { kind: 'wrong', why: 'That is the response to another login: open the address above once more' }
  }
  const issuer = query.get('iss')
  if (issuer !== null && issuer !== expected.issuer) {
    return { kind: 'wrong', why: 'That is the response of another server' }
  }
  if (query.get('error') === null && (query.get('code') ?? '') === '') {
    return { kind: 'wrong', why: 'That address holds an empty code' }
  }
  return responseOf(query, expected)
}

function responseOf(query: URLSearchParams, { redirectUri, state, issuer, sendsIss }: Expected): Pasted {
  const url = new URL(redirectUri)
  for (const name of ['code', 'error', 'error_description']) {
    const value = query.get(name)
    if (value !== null) url.searchParams.set(name, value)
  }
  url.searchParams.set('state', state)
  if (sendsIss || query.has('iss')) url.searchParams.set('iss', issuer)
  return { kind: 'response', url }
}

function unescape(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
