/** What the proxy reads of a message of the server, and its form on the host's side: one line. */
import { parseJson } from '../../platform/parse-json.ts'
import { type Id, isObject } from './host-message.ts'

export interface ServerMessage {
  /** One line of JSON; nothing but line ends between its tokens was changed. */
  line: string
  /** The IDs of the requests that it responds to; several in a batch. Empty for a request or a notification. */
  responds: readonly Id[]
  /** Of a response that is not an error. */
  result: Readonly<Record<string, unknown>> | undefined
}

/**
 * JSON has no line ends within strings, so those of a formatted text can become blanks.
 * @returns undefined for what is not a message of JSON-RPC: it must not reach the host
 */
export function parseServerMessage(text: string): ServerMessage | undefined {
  const value = parseJson(text)
  const parts = Array.isArray(value) ? value : [value]
  if (parts.length === 0 || !parts.every(isMessage)) return undefined
  const line = /[\r\n]/.test(text) ? text.replace(/[\r\n]+/g, ' ') : text
  const [first] = parts
  const result = parts.length === 1 && isObject(first?.result) ? first.result : undefined
  return { line, responds: parts.flatMap(idOfResponse), result }
}

/** The error of a response that could not say which request it is for, as one for this request. */
export function errorForRequest(text: string, id: Id): string | undefined {
  const value = parseJson(text)
  if (!isObject(value) || !isObject(value.error)) return undefined
  const { code, message, data } = value.error
  if (typeof code !== 'number' || typeof message !== 'string') return undefined
  return errorLine(id, { code, message, ...(data === undefined ? {} : { data }) })
}

/** An error of ours, as a line. */
export function errorLine(id: Id, error: { code: number; message: string; data?: unknown }): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error })
}

/** A result of ours, as a line. */
export function resultLine(id: Id, result: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ jsonrpc: '2.0', id, result })
}

function isMessage(value: unknown): value is Record<string, unknown> {
  if (!isObject(value) || value.jsonrpc !== '2.0') return false
  return typeof value.method === 'string' || 'result' in value || 'error' in value
}

function idOfResponse({ id, method }: Record<string, unknown>): Id[] {
  if (typeof method === 'string') return []
  return typeof id === 'string' || typeof id === 'number' ? [id] : [null]
}
