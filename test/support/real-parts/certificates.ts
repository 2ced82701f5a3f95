/** Certificates of a test CA, made with openssl. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Makes `ca.pem`, and `cert.pem` with `key.pem` for both ends of a connection to 127.0.0.1, in a folder. */
export async function makeCertificates(folder: string): Promise<void> {
  const path = (name: string) => join(folder, name)
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  writeFileSync(
    path('ext'),
    'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\nkeyUsage=digitalSignature\n',
  )
  await openssl(
    'req',
    '-x509',
    ...ec,
    '-subj',
    '/CN=test CA',
    '-keyout',
    path('ca-key.pem'),
    '-out',
    path('ca.pem'),
  )
  await openssl(
    'req',
    ...ec.slice(0, 5),
    '-subj',
    '/CN=engine',
    '-keyout',
    path('key.pem'),
    '-out',
    path('csr.pem'),
  )
  const signing = ['-CA', path('ca.pem'), '-CAkey', path('ca-key.pem'), '-CAcreateserial', '-days', '2']
  await openssl(
    'x509',
    '-req',
    '-in',
    path('csr.pem'),
    ...signing,
    '-extfile',
    path('ext'),
    '-out',
    path('cert.pem'),
  )
}

async function openssl(...args: string[]): Promise<void> {
  const child = Bun.spawn(['openssl', ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  const text = await new Response(child.stderr).text()
  if ((await child.exited) !== 0) throw new Error(`openssl: ${text}`)
}
