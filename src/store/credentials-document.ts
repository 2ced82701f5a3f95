/** The content of the credentials file: reading it, and writing it without losing what we do not know. */
import * as v from 'valibot'
import { Fault } from '../contract/fault.ts'
import { present } from '../contract/omit-undefined.ts'
import { parseJson } from '../platform/parse-json.ts'
import { serverAddress } from '../platform/network/normalize-server-address.ts'
import { safeLine } from '../platform/terminal/make-text-printable.ts'
import { type Entry, entrySchema, type Position } from './login-entry.ts'
import { accountOf } from './store-interface.ts'

/**
 * A server's accounts by their IDs; `current` is one of them. In the file, `{"servers":{"<url>":{"token":"…"}}}`, a
 * server's entry is its current account, so that a program which knows only this shape finds the token that is in
 * use; other accounts of the server stand under its `accounts`.
 */
export interface Accounts {
  current: string
  entries: Map<string, Entry>
}

/** The file's content: `top` is everything that we do not know, and is written back as it was. */
export interface Document {
  top: Record<string, unknown>
  /** The server of the last login or `fob auth switch`; one of `servers`. */
  current: string | undefined
  servers: Map<string, Accounts>
}

/** @throws Fault `config` naming `path`; never a part of the text, which holds tokens. */
export function parseDocument(text: string, path: string): Document {
  // A crash of another program may leave an empty file; there is nothing in it to lose.
  if (text.trim() === '') return { top: {}, current: undefined, servers: new Map() }
  const json = parseJson(text)
  if (json === undefined) throw damaged(path, 'it is not JSON')
  const value = asObject(json)
  const found = value === undefined ? undefined : asObject(value.servers ?? {})
  if (value === undefined || found === undefined) {
    throw damaged(path, 'it does not have the shape {"servers":{"<url>":{"token":"…"}}}')
  }
  const top = { ...value }
  delete top.servers
  delete top.current
  const servers = new Map<string, Accounts>()
  // What is spelled as we spell it was written last, and comes first.
  const ours = ([text]: [string, unknown]) => (keyOf(text) === text ? 0 : 1)
  for (const [text, entry] of Object.entries(found).toSorted((a, b) => ours(a) - ours(b))) {
    const accounts = parseServer(text, entry, path)
    if (accounts !== undefined) addServer(servers, text, accounts)
  }
  const current = typeof value.current === 'string' ? keyOf(value.current) : undefined
  return { top, current: current !== undefined && servers.has(current) ? current : undefined, servers }
}

export function formatDocument({ top, current, servers }: Document): string {
  const written = [...servers].map(([server, accounts]) => [server, formatServer(accounts)])
  const known = present({ current: current !== undefined && servers.has(current) ? current : undefined })
  return `${JSON.stringify({ ...top, ...known, servers: Object.fromEntries(written) }, null, 2)}\n`
}

/** A server under another spelling of its address, as people write one, is the same server. */
function addServer(servers: Map<string, Accounts>, text: string, accounts: Accounts): void {
  const key = keyOf(text) ?? text
  const known = servers.get(key)
  if (known === undefined) return void servers.set(key, accounts)
  // An account that is there twice gets a name of its own: neither token is lost.
  for (const [id, entry] of accounts.entries) known.entries.set(known.entries.has(id) ? text : id, entry)
}

function keyOf(text: string): string | undefined {
  return URL.canParse(text) ? serverAddress(new URL(text)) : undefined
}

/** Every account with its place in the document, a server's current one first. */
export function* everyAccount({ servers }: Document): Generator<[Position, Entry]> {
  for (const [server, { current, entries }] of servers) {
    for (const account of [current, ...[...entries.keys()].filter((id) => id !== current)]) {
      const entry = entries.get(account)
      if (entry !== undefined) yield [{ server, account, current: account === current }, entry]
    }
  }
}

function parseServer(server: string, value: unknown, path: string): Accounts | undefined {
  // Calls are made to it as it stands.
  if (!URL.canParse(server) || !/^https?:/i.test(server)) {
    throw damaged(path, `the server ${safeLine(server)} is not an http or https URL`)
  }
  const object = asObject(value)
  if (object === undefined) throw damagedEntry(path, server, undefined)
  const { account, accounts, ...plain } = object
  const others = asObject(accounts ?? {})
  const named = typeof account === 'string' && account !== '' ? account : undefined
  if (account !== undefined && named === undefined) throw damagedEntry(path, server, 'account')
  if (others === undefined) throw damagedEntry(path, server, 'accounts')
  const own = parseEntry(server, plain, path)
  const entries = new Map<string, Entry>()
  // Without a token of its own (made by hand), a server's first account is its current one.
  const hasOwn = own.token !== undefined || own.storage !== undefined || own.ended === true
  const id = named ?? accountOf(own)
  if (hasOwn || Object.keys(others).length === 0) entries.set(id, own)
  for (const [other, entry] of Object.entries(others)) {
    if (!entries.has(other)) entries.set(other, parseEntry(server, entry, path))
  }
  const [first] = entries.keys()
  return first === undefined ? undefined : { current: entries.has(id) ? id : first, entries }
}

function formatServer({ current, entries }: Accounts): Record<string, unknown> {
  const own = entries.get(current) ?? {}
  const others = [...entries].filter(([id]) => id !== current)
  return {
    ...own,
    ...present({
      account: accountOf(own) === current ? undefined : current,
      accounts: others.length === 0 ? undefined : Object.fromEntries(others),
    }),
  }
}

function parseEntry(server: string, value: unknown, path: string): Entry {
  const parsed = v.safeParse(entrySchema, value)
  if (parsed.success) return parsed.output
  throw damagedEntry(path, server, v.getDotPath(parsed.issues[0]) ?? undefined)
}

/** A copy of an object; undefined for any other value. */
function asObject(value: unknown): Record<string, unknown> | undefined {
  const plain = typeof value === 'object' && value !== null && !Array.isArray(value)
  return plain ? { ...value } : undefined
}

function damaged(path: string, what: string): Fault {
  return new Fault('config', `cannot use the credentials file ${path}: ${what}`, {
    hint: 'repair it, or move it away and log in again; nothing in it was changed',
  })
}

function damagedEntry(path: string, server: string, field: string | undefined): Fault {
  const where = field === undefined ? '' : ` at "${safeLine(field, 60)}"`
  return damaged(path, `the entry of ${safeLine(server)} is not valid${where}`)
}
