/** The text of tokens: prefixes, randomness, checks of the form, and hashes that never print the token. */
import { describe, expect, test } from 'bun:test'
import { crc32 } from 'node:zlib'
import { isTokenText, TOKEN_PATTERN, type TokenPrefix, tokenText } from '../../src/contract/token-format.ts'
import { hashOf, mintToken } from '../../src/server/accounts/create-and-hash-token.ts'

const PREFIXES: TokenPrefix[] = ['ci', 'rn', 'sk', 'st', 'dl', 'iv']
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** The checksum as docs/tokens.md has it, written a second time and with another CRC-32. */
function documentedChecksum(text: string): string {
  let rest = BigInt(crc32(text))
  let out = ''
  while (rest > 0n) {
    out = ALPHABET.charAt(Number(rest % 62n)) + out
    rest /= 62n
  }
  return out.padStart(6, '0')
}

describe('the text of a token', () => {
  test.each(PREFIXES)('S170: a %s token is prefix, 30 random characters and a checksum', (prefix) => {
    const text = mintToken(prefix).token.reveal()
    expect(text).toMatch(new RegExp(`^${prefix}_[0-9A-Za-z]{36}$`))
    expect(documentedChecksum(text.slice(0, -6))).toBe(text.slice(-6))
    expect(isTokenText(prefix, text)).toBe(true)
    expect(`export TOKEN="${text}";`.match(TOKEN_PATTERN)).toEqual([text])
  })

  test.each([
    ['ci', '0123456789abcdefghijklmnopqrst', 'ci_0123456789abcdefghijklmnopqrst3E6Tsh'],
    ['rn', 'A'.repeat(30), `rn_${'A'.repeat(30)}0XMWV6`],
  ] as const)('%s with %s is %s', (prefix, random, text) => expect(tokenText(prefix, random)).toBe(text))

  const good = tokenText('ci', '0123456789abcdefghijklmnopqrst')
  test.each([
    ['one character less', good.slice(0, -1)],
    ['one character more', `${good}0`],
    ['another prefix', good.replace('ci_', 'rn_')],
    ['a typing error', good.replace('a', 'b')],
    ['two characters swapped', good.replace('ab', 'ba')],
    ['another checksum', good.replace('3E6Tsh', '3E6Tsi')],
    ['a character of another alphabet', good.replace('a', '-')],
    ['a line end', `${good}\n`],
    ['nothing', ''],
  ])('%s is noticed offline', (_name, text) => {
    expect(isTokenText('ci', text)).toBe(false)
    expect(hashOf('ci', text)).toBeUndefined()
  })

  test('a token of one kind is none of another', () => {
    for (const made of PREFIXES) {
      const text = mintToken(made).token.reveal()
      expect(PREFIXES.filter((prefix) => isTokenText(prefix, text))).toEqual([made])
    }
  })

  test('no two are alike, and every character comes equally often', () => {
    const texts = Array.from({ length: 2000 }, () => mintToken('ci').token.reveal().slice(3, 33))
    expect(new Set(texts).size).toBe(2000)
    const counts = new Map<string, number>()
    for (const c of texts.join('')) counts.set(c, (counts.get(c) ?? 0) + 1)
    expect(counts.size).toBe(62)
    // 60,000 characters: 968 of each, give or take six standard deviations of 31.
    for (const n of counts.values()) expect(Math.abs(n - 968)).toBeLessThan(186)
  })

  test('S172: what is kept is a hash, and the token itself never prints', () => {
    const { token, hash } = mintToken('ci')
    expect(hash).toMatch(/^[0-9a-f]{64}$/)
    expect(hashOf('ci', token.reveal())).toBe(hash)
    expect(`${String(token)} ${JSON.stringify({ token })}`).not.toContain(token.reveal())
  })
})
