/** The certificate authorities that git trusts: those of the machine, and those that the operator has named. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Env } from '../../../platform/processes/own-and-child-environment.ts'

/** Where systems have their authorities in one file: Debian and Alpine, Fedora, SUSE, BSD and macOS. */
const SYSTEM_FILES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
]
/** No proxy is among them: it would connect wherever it can. */
const PASSED_ON = ['SSL_CERT_FILE', 'SSL_CERT_DIR', 'GIT_SSL_CAINFO', 'GIT_SSL_CAPATH']

/**
 * Variables for git. A git that was built with GnuTLS, as Debian's is, reads `GIT_SSL_CAINFO` alone: that names the file
 * of `SSL_CERT_FILE` where it is not set itself, or one in `scratch` that also has the authorities of `NODE_EXTRA_CA_CERTS`.
 */
export async function trustedAuthorities(env: Env, scratch: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const name of PASSED_ON) if (env[name]) found[name] = env[name]
  const base = found.GIT_SSL_CAINFO ?? found.SSL_CERT_FILE
  const extra = env.NODE_EXTRA_CA_CERTS ? await read(env.NODE_EXTRA_CA_CERTS) : undefined
  const file = extra === undefined ? base : await joinAuthorities(base, extra, scratch)
  return file === undefined ? found : { ...found, GIT_SSL_CAINFO: file }
}

/** Both in one file, as git takes one. */
async function joinAuthorities(base: string | undefined, extra: string, scratch: string): Promise<string> {
  const file = join(scratch, 'authorities.pem')
  const known = base === undefined ? await firstOf(SYSTEM_FILES) : await read(base)
  await writeFile(file, [known ?? '', extra, ''].join('\n'), { mode: 0o600 })
  return file
}

async function firstOf(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const text = await read(path)
    if (text !== undefined) return text
  }
  return undefined
}

/** Undefined where it cannot be read: as with Node.js, the others are trusted all the same. */
async function read(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch(() => undefined)
}
