/** The requests to which the host, or the proxy itself, awaits a response: each gets one, whatever happens. */
import type { HostMessage, Id } from './messages/host-message.ts'

export interface PendingRequests {
  /** @param by whom the response is for; what is for the proxy does not reach the host */
  add(ids: readonly Id[], by?: 'host' | 'proxy'): void
  /** The host has its response: what the server still sends is not for it any more. */
  respondedByProxy(id: Id): void
  /** Marks responses as come. @returns whether the host awaited one of them */
  settle(ids: readonly Id[]): boolean
  /** Whether a response to the message has yet to come. */
  awaits(message: HostMessage): boolean
  /** Whether the host still awaits this one. */
  isForHost(id: Id): boolean
}

export function pendingRequests(): PendingRequests {
  const waiting = new Map<string, 'host' | 'proxy'>()
  return {
    add: (ids, by = 'host') => {
      for (const id of ids) waiting.set(keyOf(id), by)
    },
    respondedByProxy: (id) => {
      if (waiting.has(keyOf(id))) waiting.set(keyOf(id), 'proxy')
    },
    settle: (ids) => {
      const keys = ids.map(keyOf)
      const wasAwaited = keys.some((key) => waiting.get(key) === 'host')
      for (const key of keys) waiting.delete(key)
      return wasAwaited
    },
    awaits: ({ ids }) => ids.some((id) => waiting.has(keyOf(id))),
    isForHost: (id) => waiting.get(keyOf(id)) === 'host',
  }
}

/** 1 and "1" are different IDs. */
export function keyOf(id: Id): string {
  return JSON.stringify(id)
}
