/** Interactions that nobody has answered yet: they travel in the cookies of their browser, not in the database. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { deflateRawSync, inflateRawSync } from 'node:zlib'

/**
 * Anybody can start a login, so the server stores nothing of one before a person has typed something. The record of the
 * interaction is packed into the encrypted cookies that name it, and is found there in the next requests of the
 * browser. An interaction with a result, or of somebody who is logged in, is a record in the database, which counts
 * before a cookie: so no result can be replayed.
 */
export interface CarriedInteractions {
  /** Handles one request: what its cookies carry can be found, and what it creates goes into its cookies. */
  during<T>(handle: () => Promise<T>): Promise<T>
  /** The record of an interaction, as JSON. @returns whether it can be carried; otherwise it has to be stored */
  carry(uid: string, record: string): boolean
  /** The record that a cookie of this request carries, or that this request has created. */
  find(uid: string): string | undefined
  /** The value of a cookie that names this interaction: its name, and its record if it is carried. */
  toCookie(uid: string): Buffer
  /** The name of the interaction in such a value, whose record can be found from now on. */
  fromCookie(value: Buffer): string
}

/** A browser keeps cookies of 4096 bytes: with name, attributes, nonce and tag, in base64url (RFC 6265 §6.1). */
const MAX_PACKED_BYTES = 2600
/** No interaction's name holds it. */
const SEPARATOR = '.'
/** Far more than a record of a URL of 8 KiB. */
const MAX_RECORD_BYTES = 64 * 1024

export function openCarriedInteractions(): CarriedInteractions {
  const requests = new AsyncLocalStorage<Map<string, Buffer>>()
  const carried = () => requests.getStore()
  return {
    during: (handle) => requests.run(new Map(), handle),
    carry: (uid, record) => {
      const packed = deflateRawSync(record)
      const here = carried()
      if (here === undefined || packed.length > MAX_PACKED_BYTES) return false
      here.set(uid, packed)
      return true
    },
    find: (uid) => {
      const packed = carried()?.get(uid)
      return packed && inflateRawSync(packed, { maxOutputLength: MAX_RECORD_BYTES }).toString()
    },
    toCookie: (uid) => {
      const packed = carried()?.get(uid)
      return packed ? Buffer.concat([Buffer.from(uid + SEPARATOR), packed]) : Buffer.from(uid)
    },
    fromCookie: (value) => {
      const end = value.indexOf(SEPARATOR)
      if (end === -1) return value.toString()
      const uid = value.subarray(0, end).toString()
      carried()?.set(uid, value.subarray(end + 1))
      return uid
    },
  }
}
