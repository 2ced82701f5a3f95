import { describe, expect, test } from 'bun:test'
import { fetchFailure } from '../../src/platform/network.ts'
import { confirm, password } from '../../src/platform/terminal/prompts.ts'
import { readSwitch } from '../../src/platform/boolean-words.ts'
import { escapeHtml, safeLine } from '../../src/platform/terminal/printable-text.ts'
import { formatToml, parseToml } from '../../src/platform/files/toml.ts'

describe('safeLine', () => {
  test.each([
    ['plain', 'plain'],
    ['two\r\nlines\tand tab', 'two lines and tab'],
    ['\u001b[31mred\u001b[0m', '\ufffd[31mred\ufffd[0m'],
    ['right\u202eto left', 'right\ufffdto left'],
    ['  blanks  ', 'blanks'],
    ['x'.repeat(2000), `${'x'.repeat(300)}…`],
  ])('%j becomes %j', (text, line) => {
    expect(safeLine(text)).toBe(line)
  })
})

test('escapeHtml leaves nothing that HTML reads', () => {
  expect(escapeHtml(`<a href="x" title='y'>&`)).toBe('&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;')
})

describe('readSwitch', () => {
  test.each([
    [['1', 'true', 'yes', 'on', 'TRUE', 'Yes', 'oN'], true],
    [['0', 'false', 'no', 'off', 'FALSE', 'No', 'oFF'], false],
    [['', ' ', 'y', 'n', 'tru', '2', '-1', 'yes please', 'true\n', 'constructor'], undefined],
  ])('%j says %p', (words, on) => {
    for (const word of words) expect([word, readSwitch(word)]).toEqual([word, on])
  })
})

describe('TOML', () => {
  test('what was read is written again, unknown keys included', () => {
    const text = 'tenant = "acme"\nfuture = [1, 2]\n\n[servers."https://ci.example.com"]\ntenant = "other"\n'
    const parsed = parseToml(text)
    expect(parsed.ok && parseToml(formatToml(parsed.table))).toEqual(parsed)
  })

  test('a mistake is a place, not an exception', () => {
    expect(parseToml('a = 1\nb = = 2\n')).toEqual({ ok: false, line: 2, column: 5 })
  })
})

describe('prompts', () => {
  test('without a terminal nothing is asked and nothing waits', async () => {
    const context = { interactive: false, signal: new AbortController().signal }
    expect(await confirm('sure?', context)).toEqual({ status: 'no_terminal' })
    expect(await password('password', context)).toEqual({ status: 'no_terminal' })
  })
})

describe('fetchFailure', () => {
  test.each([
    ['ConnectionRefused', 'the connection was refused'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'its certificate is not trusted'],
    ['ECONNRESET', 'the connection was closed'],
    ['token=secret', 'the connection failed'],
  ])('%s: %s', (code, reason) => {
    expect(fetchFailure(Object.assign(new Error('token=secret'), { code }))).toBe(reason)
  })

  test('a deadline is told from a defect, and neither shows its text', () => {
    expect(fetchFailure(new DOMException('secret', 'TimeoutError'))).toBe('it did not answer in time')
    expect(fetchFailure(undefined)).toBe('the connection failed')
  })

  test('a closed port is a refused connection', async () => {
    const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response() })
    const { url } = server
    await server.stop(true)
    const error: unknown = await fetch(url).catch((e: unknown) => e)
    expect(fetchFailure(error)).toBe('the connection was refused')
  })
})
