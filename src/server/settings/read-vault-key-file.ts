/** A file with the key of the vault, which stands in for a passphrase. */
import { readFileSync } from 'node:fs'
import { Fault } from '../../contract/fault.ts'
import { whyUnreadable } from '../../platform/files/describe-file-errors.ts'
import { Secret } from '../../redact/secret.ts'

/** @returns the key in it: 32 bytes, or their hex or base64. @throws Fault `config` */
export function readKeyFile(path: string): Secret {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    throw new Fault('config', `cannot read the key file ${path}: ${whyUnreadable(error)}`, { cause: error })
  }
  const text = bytes.toString('latin1').trim()
  if (/^[0-9a-f]{64}$/i.test(text)) return new Secret(Buffer.from(text, 'hex'))
  if (/^[A-Za-z0-9+/]{43}=$/.test(text)) return new Secret(Buffer.from(text, 'base64'))
  if (bytes.length === 32) return new Secret(bytes)
  throw new Fault('config', `the key file ${path} does not hold 32 bytes`, {
    hint: `create one: openssl rand -hex 32 > ${path}`,
  })
}
