/** `--listen`: the address and port that the server takes. */
import { Fault } from '../../contract/fault.ts'

export interface ListenAddress {
  /** An address or a name; an IPv6 address without its brackets. */
  hostname: string
  /** 0: any that is free. */
  port: number
}

/** @param text `HOST:PORT`, `[IPV6]:PORT` or `:PORT` for all addresses. @throws Fault `config` */
export function parseListen(text: string): ListenAddress {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:\s]*)):(\d{1,5})$/i.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) {
    throw new Fault('config', `--listen takes HOST:PORT, not "${text}"`, {
      hint: 'for example 127.0.0.1:8080',
    })
  }
  return { hostname: match[1] ?? (match[2] || '0.0.0.0'), port }
}

/** Whether only this machine reaches it. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '::1' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}
