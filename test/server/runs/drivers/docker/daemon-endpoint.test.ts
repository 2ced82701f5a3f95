/** The endpoint of the Docker daemon: contexts, `DOCKER_HOST`, certificates, and addresses with passwords. */
import { describe, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findEndpoint } from '../../../../../src/server/runs/drivers/docker/daemon-endpoint.ts'
import { temporaryFolder } from '../../../../support/temporary.ts'

const find = (env: Record<string, string>, host?: string) => findEndpoint({ host, env })

/** A home with contexts: `remote` is the current one, and has TLS files. */
function homeWithContexts(current?: string): string {
  const home = temporaryFolder()
  const folder = join(home, '.docker')
  mkdirSync(folder)
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ auths: {}, currentContext: current }))
  const hosts = { rootless: 'unix:///run/user/1000/docker.sock', remote: 'tcp://engine.example:2376' }
  for (const [name, Host] of Object.entries(hosts)) {
    const id = new Bun.CryptoHasher('sha256').update(name).digest('hex')
    mkdirSync(join(folder, 'contexts/meta', id), { recursive: true })
    const meta = { Name: name, Metadata: {}, Endpoints: { docker: { Host, SkipTLSVerify: false } } }
    writeFileSync(join(folder, 'contexts/meta', id, 'meta.json'), JSON.stringify(meta))
  }
  const tls = join(
    folder,
    'contexts/tls',
    new Bun.CryptoHasher('sha256').update('remote').digest('hex'),
    'docker',
  )
  mkdirSync(tls, { recursive: true })
  for (const name of ['ca', 'cert', 'key']) writeFileSync(join(tls, `${name}.pem`), `${name} of remote`)
  return home
}

describe('the daemon is found', () => {
  test.each<[string, Record<string, string>, string | undefined, object]>([
    ['at the usual socket', {}, undefined, { socket: '/var/run/docker.sock', origin: 'http://localhost' }],
    ['by DOCKER_HOST', { DOCKER_HOST: 'unix:///x/y.sock' }, undefined, { socket: '/x/y.sock' }],
    ['by the setting first', { DOCKER_HOST: 'unix:///x' }, 'unix:///mine', { socket: '/mine' }],
    [
      'at the usual socket for an empty DOCKER_HOST',
      { DOCKER_HOST: '' },
      undefined,
      { socket: '/var/run/docker.sock' },
    ],
    [
      'on this machine over TCP',
      { DOCKER_HOST: 'tcp://127.0.0.1' },
      undefined,
      { socket: undefined, origin: 'http://127.0.0.1:2375', tls: undefined },
    ],
    ['over IPv6', { DOCKER_HOST: 'tcp://[::1]:2400' }, undefined, { origin: 'http://[::1]:2400' }],
    [
      'elsewhere, with TLS against the authorities of this machine',
      { DOCKER_HOST: 'tcp://engine.example', DOCKER_TLS_VERIFY: '1', HOME: '/nowhere' },
      undefined,
      { origin: 'https://engine.example:2376', tls: { ca: undefined, cert: undefined, key: undefined } },
    ],
  ])('%s', (_, env, host, expected) => {
    expect(find(env, host)).toMatchObject(expected)
  })

  test('by context: the current one, the named one, and DOCKER_HOST before both', () => {
    const remote = {
      origin: 'https://engine.example:2376',
      tls: { ca: 'ca of remote', key: 'key of remote' },
    }
    expect(find({ HOME: homeWithContexts('remote') })).toMatchObject(remote)
    const HOME = homeWithContexts()
    expect(find({ HOME })).toMatchObject({ socket: '/var/run/docker.sock' })
    expect(find({ HOME, DOCKER_CONTEXT: 'rootless' })).toMatchObject({ socket: '/run/user/1000/docker.sock' })
    expect(find({ HOME, DOCKER_CONTEXT: 'rootless', DOCKER_HOST: 'unix:///x' })).toMatchObject({
      socket: '/x',
    })
    expect(find({ DOCKER_CONFIG: join(HOME, '.docker'), DOCKER_CONTEXT: 'remote' })).toMatchObject(remote)
    expect(() => find({ HOME, DOCKER_CONTEXT: 'other' })).toThrow('there is no Docker context other')
  })

  test('with the certificates of DOCKER_CERT_PATH', () => {
    const path = temporaryFolder()
    for (const name of ['ca', 'cert', 'key']) writeFileSync(join(path, `${name}.pem`), name)
    const env = { DOCKER_HOST: 'tcp://engine.example:1', DOCKER_CERT_PATH: path }
    expect(find(env)).toMatchObject({
      origin: 'https://engine.example:1',
      tls: { ca: 'ca', cert: 'cert', key: 'key' },
    })
  })

  test.each([
    ['ssh', 'ssh://user@host', 'over ssh is not supported'],
    ['a network without TLS', 'tcp://engine.example:2375', 'DOCKER_TLS_VERIFY is not set'],
    [
      'a name that only begins like this machine',
      'tcp://127.0.0.1.example:2375',
      'DOCKER_TLS_VERIFY is not set',
    ],
    ['a path', 'tcp://127.0.0.1:2375/v1', 'cannot reach a Docker daemon at'],
    ['no address', 'docker', 'cannot reach a Docker daemon at docker'],
    ['a relative socket', 'unix://docker.sock', 'cannot reach a Docker daemon at'],
    ['a pipe of Windows', 'npipe:////./pipe/docker_engine', 'cannot reach a Docker daemon at'],
  ])('not over %s', (_, DOCKER_HOST, message) => {
    expect(() => find({ DOCKER_HOST })).toThrow(message)
  })

  test('and a password in its address is not repeated', () => {
    expect(() => find({ DOCKER_HOST: 'tcp://user:hunter2@127.0.0.1' })).toThrow(/at tcp:\/\/127\.0\.0\.1$/)
  })
})
