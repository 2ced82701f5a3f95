/** The forms in which a person may paste a code: an address, a query, or the code alone. */
import { describe, expect, test } from 'bun:test'
import { readPasted } from '../../src/flows/parse-pasted-code.ts'

const redirectUri = 'http://127.0.0.1:8765/callback'
const expected = { redirectUri, state: 'the-state', issuer: 'https://ci.example.com', sendsIss: false }
const whole = `${redirectUri}?code=a1B2&state=the-state`

/** The code that a paste holds, or what is said about it. */
function read(text: string, more: Partial<typeof expected> = {}): string | null {
  const pasted = readPasted(text, { ...expected, ...more })
  return pasted.kind === 'response' ? pasted.url.searchParams.get('code') : `(${pasted.kind})`
}

describe('what a person may paste', () => {
  test.each([
    ['a bare code', 'a1B2', 'a1B2'],
    ['code=', 'code=a1B2', 'a1B2'],
    ['code and state', 'code=a1B2&state=the-state', 'a1B2'],
    ['the other way round', 'state=the-state&code=a1B2', 'a1B2'],
    ['with the question mark', '?code=a1B2&state=the-state', 'a1B2'],
    ['what follows "code=" to the end', 'a1B2&state=the-state&iss=https%3A%2F%2Fci.example.com', 'a1B2'],
    ['the whole address', whole, 'a1B2'],
    ['an address bar without its scheme', whole.replace('http://', ''), 'a1B2'],
    ['with a fragment', `${whole}#_=_`, 'a1B2'],
    ['blanks around it', `   ${whole} \t`, 'a1B2'],
    ['line breaks around it', `\r\n${whole}\r\n`, 'a1B2'],
    ['an address that was broken over lines', `${redirectUri}?code=a1\n  B2&state=the-state`, 'a1B2'],
    ['double quotes', `"${whole}"`, 'a1B2'],
    ['single quotes', `'a1B2'`, 'a1B2'],
    ["a mail's angle brackets", `<${whole}>`, 'a1B2'],
    ['typographic quotes', `“a1B2”`, 'a1B2'],
    ['the marks of a bracketed paste', `\u001b[200~${whole}\u001b[201~`, 'a1B2'],
    ['marks that have lost their ESC', `[200~a1B2[201~`, 'a1B2'],
    ['all of it at once', `  \u001b[200~ "${whole}"\r\n\u001b[201~ \n`, 'a1B2'],
    ['a code with escapes from an address bar', '4%2F0Ab_c-D', '4/0Ab_c-D'],
    ['a code that only looks escaped', '100%', '100%'],
    ['a code with = at its end', 'YWJjZA==', 'YWJjZA=='],
    ['a code with a slash and a plus', '4/P7q7W91a+b', '4/P7q7W91a+b'],
  ])('S217: %s', (_, text, code) => {
    expect(read(text)).toBe(code)
  })

  test.each([
    ['nothing', ''],
    ['blanks', '  \t '],
    ['an empty pair of quotes', '""'],
    ['the marks alone', '\u001b[200~\u001b[201~'],
  ])('%s is nothing, and no try', (_, text) => {
    expect(read(text)).toBe('(nothing)')
  })

  test.each([
    ['S201: a foreign state', 'code=a1B2&state=other'],
    ['a foreign iss (RFC 9207)', `${whole}&iss=https%3A%2F%2Fevil.example`],
    ['two codes', 'code=a&code=b&state=the-state'],
    ['two states', 'code=a&state=the-state&state=the-state'],
    ['an empty code', `${redirectUri}?code=&state=the-state`],
    [
      'the address to open instead of the one it ended at',
      'https://ci.example.com/oauth/authorize?client_id=x',
    ],
    ['an address without anything', '127.0.0.1:8765/callback'],
    ['a sentence', 'the code is a1B2'],
    ['letters that no code has', 'ä1B2'],
    ['control characters', 'a1\u0007B2'],
    ['a megabyte', 'a'.repeat(1024 * 1024)],
  ])('%s is wrong', (_, text) => {
    expect(read(text)).toBe('(wrong)')
  })

  test("an error comes through with the server's words, and the state that is ours", () => {
    const pasted = readPasted('?error=access_denied&error_description=no&state=the-state', expected)
    expect(pasted.kind === 'response' && pasted.url.search).toBe(
      '?error=access_denied&error_description=no&state=the-state',
    )
  })

  test('nothing but code, error, state and iss comes through', () => {
    const pasted = readPasted(`${whole}&redirect_uri=x&client_id=y`, expected)
    expect(pasted.kind === 'response' && pasted.url.href).toBe(whole)
  })

  test('what was left out is what was expected, so that one check holds for all', () => {
    const pasted = readPasted('a1B2', { ...expected, sendsIss: true })
    expect(pasted.kind === 'response' && Object.fromEntries(pasted.url.searchParams)).toEqual({
      code: 'a1B2',
      state: 'the-state',
      iss: 'https://ci.example.com',
    })
  })

  test('S220: out of band there is no redirect to paste, and the code alone does', () => {
    const pasted = readPasted('a1B2', { ...expected, redirectUri: 'urn:ietf:wg:oauth:2.0:oob' })
    expect(pasted.kind === 'response' && pasted.url.href).toBe(
      'urn:ietf:wg:oauth:2.0:oob?code=a1B2&state=the-state',
    )
  })
})
