/** What the proxy reads of a message of the host: its kind, its ID, its method and its parameters. The text is passed on as it is. */
import { parseJson } from '../../platform/parse-json.ts'

/** An ID of JSON-RPC; `null` is that of an error whose request could not be read. */
export type Id = string | number | null

export interface HostMessage {
  /** One line of JSON, as it came. */
  text: string
  /** `batch` is of revision 2025-03-26 alone. */
  kind: 'request' | 'notification' | 'response' | 'batch'
  /** Of a request or a notification. */
  method: string | undefined
  params: Readonly<Record<string, unknown>>
  /** The IDs to which a response has to come: none, one, or those of a batch. */
  ids: readonly Id[]
}

/** Where a message of revision 2026-07-28 and later says its revision. */
const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion'

/** @returns undefined for a text that is not a message of JSON-RPC */
export function parseHostMessage(text: string): HostMessage | undefined {
  const value = parseJson(text)
  if (!Array.isArray(value)) return isObject(value) ? single(text, value) : undefined
  const parts = value.map((part: unknown) => (isObject(part) ? single('', part) : undefined))
  if (parts.length === 0 || parts.includes(undefined)) return undefined
  return { text, kind: 'batch', method: undefined, params: {}, ids: parts.flatMap((part) => part?.ids ?? []) }
}

/** The revision that the message itself names, as those of 2026-07-28 and later do. */
export function revisionOf({ params }: HostMessage): string | undefined {
  const meta = params._meta
  const version = isObject(meta) ? meta[VERSION_KEY] : undefined
  return typeof version === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(version) ? version : undefined
}

/** A message of ours in the place of the host. */
export function ownMessage(method: string, params: Readonly<Record<string, unknown>>, id?: Id): HostMessage {
  const text = JSON.stringify({ jsonrpc: '2.0', ...(id === undefined ? {} : { id }), method, params })
  const kind = id === undefined ? 'notification' : 'request'
  return { text, kind, method, params, ids: id === undefined ? [] : [id] }
}

function single(text: string, value: Record<string, unknown>): HostMessage | undefined {
  const { id, method, params } = value
  const known = isObject(params) ? params : {}
  if (typeof method === 'string') {
    const isRequest = typeof id === 'string' || typeof id === 'number'
    return {
      text,
      kind: isRequest ? 'request' : 'notification',
      method,
      params: known,
      ids: isRequest ? [id] : [],
    }
  }
  if (!('result' in value) && !('error' in value)) return undefined
  return { text, kind: 'response', method: undefined, params: {}, ids: [] }
}

/** Whether a value of JSON is an object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
