/** QR codes on a terminal: shape, border, colours, and where they do not fit. */
import { describe, expect, test } from 'bun:test'
import { qrLines } from '../../../src/platform/terminal/qr-code.ts'

const url = 'https://ci.example.com/oauth/device?user_code=WDJB-MJHT'

describe('qrLines', () => {
  test('it is square, with two modules to a character, and a light border', async () => {
    const lines = (await qrLines(url, 100, false)) ?? []
    const width = lines[0]?.length ?? 0
    expect(new Set(lines.map((line) => line.length))).toEqual(new Set([width]))
    expect(lines.length).toBe(Math.ceil(width / 2))
    expect(lines[0]).toBe('█'.repeat(width))
  })

  test('it is drawn only where it fits', async () => {
    const width = (await qrLines(url, 100, false))?.[0]?.length ?? 0
    expect(await qrLines(url, width - 1, false)).toBeUndefined()
    expect(await qrLines(url, width, false)).toBeDefined()
  })

  test('its colours are its own, and end with the line', async () => {
    for (const line of (await qrLines(url, 100, true)) ?? []) {
      // oxlint-disable-next-line no-control-regex -- the colours that are meant
      expect(line).toMatch(/^\u001b\[97;40m[█▀▄ ]+\u001b\[0m$/)
    }
  })
})
