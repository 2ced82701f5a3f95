/** The addresses that `fetch` may reach: the internet, IPv4 in IPv6, and `--allow-network`. */
import { describe, expect, test } from 'bun:test'
import { openNetwork } from '../../src/guarded-fetch/allowed-networks.ts'

const internet = openNetwork([])

describe('without a setting', () => {
  test.each([
    '1.1.1.1',
    '8.8.8.8',
    '93.184.216.34',
    '172.15.255.255',
    '172.32.0.0',
    '100.128.0.1',
    '2606:4700::1111',
    '2a00:1450::1',
  ])('%s is on the internet', (address) => expect(internet.allows('example.com', address)).toBe(true))

  test.each([
    ['this machine', '127.0.0.1'],
    ['this machine', '127.255.255.254'],
    ['this machine', '0.0.0.0'],
    ['this machine', '::1'],
    ['this machine', '::'],
    ['a private network', '10.0.0.1'],
    ['a private network', '172.16.0.1'],
    ['a private network', '172.31.255.255'],
    ['a private network', '192.168.1.1'],
    ['a private network', 'fd00::1'],
    ['a private network', 'fc00::1'],
    ['a carrier', '100.64.0.1'],
    ['the metadata of a cloud', '169.254.169.254'],
    ['the metadata of a cloud', 'fd00:ec2::254'],
    ['the link', '169.254.0.1'],
    ['the link', 'fe80::1'],
    ['the link, with its zone', 'fe80::1%eth0'],
    ['many', '224.0.0.1'],
    ['many', 'ff02::1'],
    ['everybody', '255.255.255.255'],
    ['a document', '192.0.2.1'],
    ['a document', '2001:db8::1'],
    ['a benchmark', '198.18.0.1'],
    ['IPv4 in IPv6', '::ffff:127.0.0.1'],
    ['IPv4 in IPv6', '::ffff:7f00:1'],
    ['IPv4 in IPv6', '::ffff:a9fe:a9fe'],
    ['IPv4 in IPv6, as it was once', '::127.0.0.1'],
    ['IPv4 behind a translator', '64:ff9b::7f00:1'],
    ['IPv4 by 6to4', '2002:7f00:1::'],
    ['IPv4 by Teredo', '2001:0:7f00:1::'],
    ['a site, as it was once', 'fec0::1'],
    ['nothing', ''],
    ['nothing', 'example.com'],
  ])('%s is not: %s', (_what, address) => {
    expect(internet.allows('example.com', address)).toBe(false)
  })

  test('IPv4 in IPv6 is on the internet where the address is', () => {
    expect(internet.allows('example.com', '::ffff:1.1.1.1')).toBe(true)
  })

  test('nothing is trusted', () => {
    for (const host of ['1.1.1.1', 'example.com', '127.0.0.1']) expect(internet.trusts(host)).toBe(false)
  })
})

describe('--allow-network', () => {
  const network = openNetwork([
    '10.1.0.0/16',
    '192.168.7.7',
    'fd00:1::/32',
    'Registry.corp',
    '*.internal.example',
  ])

  test.each([
    ['x', '10.1.2.3', true],
    ['x', '::ffff:10.1.2.3', true],
    ['x', '10.2.0.1', false],
    ['x', '192.168.7.7', true],
    ['x', '192.168.7.8', false],
    ['x', 'fd00:1::5', true],
    ['x', 'fd00:2::5', false],
    ['registry.corp', '127.0.0.1', true],
    ['registry.corp.', '127.0.0.1', true],
    ['not-registry.corp', '127.0.0.1', false],
    ['registry.corp.evil.example', '127.0.0.1', false],
    ['a.internal.example', '10.9.9.9', true],
    ['a.b.internal.example', '10.9.9.9', true],
    ['internal.example', '10.9.9.9', false],
    ['evilinternal.example', '10.9.9.9', false],
    ['x', '1.1.1.1', true],
  ])('%s at %s: %p', (host, address, expected) => {
    expect(network.allows(host, address)).toBe(expected)
  })

  test('is what is trusted', () => {
    expect(['10.1.2.3', 'registry.corp', 'a.internal.example'].every(network.trusts)).toBe(true)
    expect(['1.1.1.1', 'example.com', '10.2.0.1'].some(network.trusts)).toBe(false)
  })

  test.each([
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '1.2.3',
    'http://example.com',
    '*',
    '*.',
    'a b',
    '-',
    'fd00::/129',
  ])('%p is refused', (entry) => {
    expect(() => openNetwork([entry])).toThrow('--allow-network takes addresses, networks and names')
  })
})
