/** Git passes the resource contract, over HTTP and over SSH. */
import { afterAll, beforeAll } from 'bun:test'
import { createRepository, git, startGitHttp } from '../../../support/real-parts/git-server.ts'
import { missingSshd, startSshd, type Sshd } from '../../../support/real-parts/sshd.ts'
import { describeResource, type World, write } from './contract.ts'

const PASSWORD = 'ghp_k3epThisToYourself'
const change = (folder: string, text: string) => {
  write(folder, 'hello.txt', text)
  git(folder, 'commit', '-q', '-a', '-m', text)
}

describeResource('git over http', async (): Promise<World> => {
  const repository = createRepository()
  const server = startGitHttp(repository.root, { username: 'x-access-token', password: PASSWORD })
  const uri = `${server.url}/repo.git`
  return {
    type: 'git',
    source: { uri, branch: 'main', token: 'secret:GIT_TOKEN' },
    secrets: { GIT_TOKEN: PASSWORD },
    wrong: {
      source: { uri, token: 'secret:GIT_TOKEN' },
      secrets: { GIT_TOKEN: 'ghp_notTheOneThatIsWanted' },
    },
    publish: async (text) => void repository.commit({ 'hello.txt': text }, { message: text }),
    change,
    pushParams: { branch: 'main' },
    onRequest: (look) =>
      (server.meddle = () => {
        look()
        return undefined
      }),
    stop: server.stop,
  }
})

if (missingSshd() === undefined) {
  let sshd: Sshd
  beforeAll(async () => void (sshd = await startSshd()))
  afterAll(() => sshd.stop())

  describeResource('git over ssh', async (): Promise<World> => {
    const repository = createRepository()
    const uri = `ssh://${sshd.user}@127.0.0.1:${sshd.port}${repository.path}`
    const source = { uri, branch: 'main', private_key: 'secret:GIT_DEPLOY_KEY', known_hosts: sshd.knownHosts }
    let watching: ReturnType<typeof setInterval> | undefined
    return {
      type: 'git',
      source,
      secrets: { GIT_DEPLOY_KEY: sshd.privateKey },
      wrong: { source, secrets: { GIT_DEPLOY_KEY: sshd.strangersKey } },
      publish: async (text) => void repository.commit({ 'hello.txt': text }, { message: text }),
      change,
      pushParams: { branch: 'main' },
      // Nothing tells of a connection: so, while there is one, again and again.
      onRequest: (look) => void (watching = setInterval(look, 5)),
      stop: async () => clearInterval(watching),
    }
  })
}
