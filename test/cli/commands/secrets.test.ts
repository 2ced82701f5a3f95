/** `fob secrets set` and `fob secrets re-encrypt`: the value as text, the scope flags, and unreadable secrets. */
import { describe, expect, test } from 'bun:test'
import type { Client } from '../../../src/cli/client/command-context.ts'
import { parsePlace, placeQuery } from '../../../src/cli/parsing/secret-scope-flags.ts'
import { reEncrypt } from '../../../src/cli/commands/secrets/re-encrypt.ts'
import { setSecret } from '../../../src/cli/commands/secrets/set.ts'
import { readSecretFromStdin } from '../../../src/cli/input/read-secret.ts'
import { runCommandLine } from '../../../src/cli/run-command-line.ts'
import { Secret } from '../../../src/redact/secret.ts'
import { fakeDeps } from '../../support/client/fake-deps.ts'

/** A client that answers with `answers` in turn, and what it was asked and said. */
function clientOf(answers: unknown[]) {
  const asked: { method: string; path: string; query?: unknown; body?: unknown }[] = []
  const said: string[] = []
  const client = {
    server: 'http://localhost',
    format: 'table',
    say: (text: string) => void said.push(text),
    did: (_what: object, words: string) => void said.push(words),
    api: {
      request: async (call: (typeof asked)[number]) => {
        asked.push(call)
        return answers.shift()
      },
    },
  } as unknown as Client
  return { client, asked, said }
}

describe('secrets set', () => {
  const place = { pipeline: 'deploy', scope: undefined }

  test.each<[string, Secret, unknown]>([
    ['text as it is', new Secret('väl\nue'), 'väl\nue'],
    ['bytes as base64', new Secret(Buffer.of(0, 0xff)), { base64: 'AP8=' }],
  ])('sends %s', async (_name, value, sent) => {
    const { client, asked } = clientOf([])
    await setSecret({ key: 'KEY', value, place, allowShort: false }, client)
    expect(asked).toMatchObject([
      { method: 'PUT', path: '/api/secrets/KEY', query: { pipeline: 'deploy' }, body: { value: sent } },
    ])
  })

  test.each<[string, string | Uint8Array, string | Uint8Array]>([
    ['of one line, the line end is cut', 'value\n', 'value'],
    ['of one line from Windows too', 'value\r\n', 'value'],
    ['of many lines, all is kept: a key file needs its last line end', 'a\nb\n', 'a\nb\n'],
    ['of bytes, all is kept', Buffer.of(0xff, 0x0a), Buffer.of(0xff, 0x0a)],
  ])('a piped value: %s', async (_name, given, value) => {
    const question = { what: 'value', instead: '', limitBytes: 100, anyBytes: true }
    const secret = await readSecretFromStdin(piped(given), question)
    expect(secret.bytes()).toEqual(Buffer.from(value))
  })

  test('a password is text', async () => {
    const question = { what: 'password', instead: '', limitBytes: 100 }
    await expect(readSecretFromStdin(piped(Buffer.of(0xff, 0x80)), question)).rejects.toThrow(
      'not UTF-8 text',
    )
  })

  test('the scope is the server alone, and not together with a pipeline', () => {
    expect(placeQuery({ pipeline: undefined, scope: 'server' })).toEqual({
      pipeline: undefined,
      scope: 'server',
    })
    expect(() => parsePlace({ pipeline: 'p', scope: 'server' })).toThrow(
      '--pipeline and --scope cannot be used together',
    )
  })

  test.each([
    [['set', 'K=v', '--scope', 'global'], '--scope takes server'],
    [['rm', 'K', '--scope', 'global'], '--scope takes server'],
    [['set', 'K=v', '--scope', 'server', '-p', 'p'], 'cannot be used together'],
    [['rm', 'K', '--scope', 'server', '-p', 'p'], 'cannot be used together'],
  ])('secrets %j is refused before anything is sent', async (argv, message) => {
    const deps = fakeDeps()
    expect(await runCommandLine(['secrets', ...argv, '-s', 'http://127.0.0.1:1'], deps)).toBe(2)
    expect(deps.io.err()).toContain(message)
  })
})

const answer = (done: number, finished: boolean, failed: object[] = []) => ({
  key: 'k1',
  total: 3,
  done,
  finished,
  failed,
})

describe('secrets re-encrypt', () => {
  test('asks again until all is moved', async () => {
    const { client, asked, said } = clientOf([answer(1, false), answer(2, false), answer(3, true)])
    await reEncrypt(client, fakeDeps())
    expect(asked).toHaveLength(3)
    expect(said.at(-1)).toBe('Moved 3 secrets to the key k1')
  })

  test('names those that do not open, and fails', async () => {
    const { client } = clientOf([answer(2, true, [{ key: 'BAD', scope: 'global' }])])
    await expect(reEncrypt(client, fakeDeps())).rejects.toThrow('were not moved: BAD (global)')
  })
})

function piped(bytes: string | Uint8Array) {
  const deps = fakeDeps()
  return {
    ...deps,
    io: {
      ...deps.io,
      stdin: { ...deps.io.stdin, isTerminal: false, readAll: async () => Buffer.from(bytes) },
    },
  }
}
