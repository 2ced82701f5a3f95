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

/** Makes `expired.pem` in a folder of `makeCertificates`: the same certificate, over since 2020. */
export async function makeExpiredCertificate(folder: string): Promise<void> {
  const path = (name: string) => join(folder, name)
  writeFileSync(path('index'), '')
  writeFileSync(path('serial'), '01\n')
  writeFileSync(
    path('ca.cnf'),
    `[ca]
default_ca = it
[it]
database = ${path('index')}
serial = ${path('serial')}
new_certs_dir = ${folder}
default_md = sha256
policy = names
[names]
commonName = supplied
`,
  )
  const dates = ['-startdate', '20200101000000Z', '-enddate', '20200201000000Z']
  const signing = ['-cert', path('ca.pem'), '-keyfile', path('ca-key.pem'), '-extfile', path('ext')]
  const files = ['-in', path('csr.pem'), '-out', path('expired.pem')]
  await openssl('ca', '-batch', '-notext', '-config', path('ca.cnf'), ...signing, ...dates, ...files)
}

async function openssl(...args: string[]): Promise<void> {
  const child = Bun.spawn(['openssl', ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  const text = await new Response(child.stderr).text()
  if ((await child.exited) !== 0) throw new Error(`openssl: ${text}`)
}
