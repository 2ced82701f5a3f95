/** Large values split over several keychain entries: replacement, deletion, crashes and concurrent readers. */
import { describe, expect, test } from 'bun:test'
import { MAX_ENTRY_BYTES, withParts } from '../../../src/platform/keychain/split-large-entries.ts'
import { memoryKeychain } from '../../support/client/memory-keychain.ts'

const NAME = ['fob', 'https://a'] as const

function opened() {
  const memory = memoryKeychain()
  return { ...memory, parts: withParts(memory.keychain) }
}

async function read(keychain: ReturnType<typeof opened>['parts']) {
  const result = await keychain.get(...NAME)
  return result.ok ? result.value : result.reason
}

const long = (mark: string, bytes = 6144) => mark.repeat(Math.ceil(bytes / mark.length)).slice(0, bytes)

describe('long values in a keychain of short entries', () => {
  test.each([
    ['nothing', ''],
    ['a short one', 'short'],
    ['one that just fits', long('x', MAX_ENTRY_BYTES)],
    ['one byte more', long('x', MAX_ENTRY_BYTES + 1)],
    ['6 KiB', long('abc')],
    ['letters of two bytes, cut nowhere in between', 'é'.repeat(2000)],
    ['letters of four bytes', '🙂'.repeat(2000)],
    ['one that looks like a head', `fob-parts:a:2:${'0'.repeat(64)}`],
  ])('S198: %s comes back as it was, and no entry is longer than 2,560 bytes', async (_, value) => {
    const { parts, entries } = opened()
    await parts.set(...NAME, value)
    expect(await read(parts)).toBe(value)
    for (const entry of entries.values()) expect(Buffer.byteLength(entry)).toBeLessThanOrEqual(2560)
  })

  test('a value that is replaced leaves none of its parts, nor does one that is deleted', async () => {
    const { parts, entries } = opened()
    for (const value of [long('a', 9000), long('b'), long('c', 20_000), 'short', long('d')]) {
      await parts.set(...NAME, value)
      expect(await read(parts)).toBe(value)
    }
    expect(entries.size).toBe(4)
    await parts.set(...NAME, 'short')
    expect(entries.size).toBe(1)
    await parts.set(...NAME, long('e'))
    expect(await parts.delete(...NAME)).toEqual({ ok: true, value: true })
    expect(entries.size).toBe(0)
  })

  test('a process killed anywhere in a replacement leaves the old value or the new one', async () => {
    const [old, next] = [long('old'), long('new', 9000)]
    for (let steps = 0; ; steps++) {
      const { parts, keychain, entries } = opened()
      await parts.set(...NAME, old)
      let left = steps
      // From some call on, nothing reaches the keychain any more.
      const dying = async () => {
        if (left-- <= 0) throw new Error('killed')
      }
      const killed = withParts({
        get: keychain.get,
        set: async (...args) => dying().then(() => keychain.set(...args)),
        delete: async (...args) => dying().then(() => keychain.delete(...args)),
      })
      const survived = await killed.set(...NAME, next).then(
        () => true,
        () => false,
      )
      expect([old, next]).toContain((await read(parts)) ?? '')
      // The next writer clears what the killed one left.
      await parts.set(...NAME, 'short')
      expect([await read(parts), entries.size]).toEqual(['short', 1])
      if (survived) break
    }
  })

  test.each([
    ['a part is missing', (entries: Map<string, string>) => entries.delete('fob https://a part a2')],
    ['a part is another one', (entries: Map<string, string>) => entries.set('fob https://a part a2', 'x')],
    ['the head is no head', (entries: Map<string, string>) => entries.set('fob https://a', 'fob-parts:x')],
  ])('when %s it is not readable, and never a wrong value', async (_, spoil) => {
    const { parts, entries } = opened()
    await parts.set(...NAME, long('a'))
    spoil(entries)
    expect(await read(parts)).toBe('damaged')
  })

  test('a reader that a writer overtakes gets the new value', async () => {
    const { parts, keychain } = opened()
    await parts.set(...NAME, long('old'))
    let overtaken = false
    const slow = withParts({
      ...keychain,
      get: async (service, account) => {
        if (account.endsWith('part a2') && !overtaken) {
          overtaken = true
          await parts.set(...NAME, long('new'))
        }
        return keychain.get(service, account)
      },
    })
    expect(await read(slow)).toBe(long('new'))
  })

  test('a keychain that refuses is told as it is', async () => {
    const { parts, state } = opened()
    state.refuses = 'locked'
    expect(await parts.set(...NAME, long('a'))).toEqual({ ok: false, reason: 'locked' })
    expect(await read(parts)).toBe('locked')
  })
})
