/** The compiled binary as a server with stand-ins for all identity providers. */
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Running, start } from '../client/compiled-binary.ts'
import { freePort } from '../free-port.ts'
import { temporaryFolder } from '../temporary.ts'
import { type Github, startGithub } from '../stand-ins/github.ts'
import { type Gitlab, startGitlab } from '../stand-ins/gitlab.ts'
import { DIRECTORY, type Microsoft, startMicrosoft } from '../stand-ins/microsoft.ts'

export interface ServerWithIdentityProviders {
  url: string
  dataDir: string
  github: Github
  gitlab: Gitlab
  microsoft: Microsoft
  running: Running
  stop(): Promise<void>
}

/** The compiled binary, set up by variables alone (S26), with a stand-in for each identity provider. */
export async function startServerWithIdentityProviders(): Promise<ServerWithIdentityProviders> {
  const folder = temporaryFolder()
  const port = freePort()
  const url = `http://127.0.0.1:${port}`
  const github = startGithub(`${url}/auth/github/callback`)
  const gitlab = await startGitlab(`${url}/auth/gitlab/callback`)
  const microsoft = await startMicrosoft(`${url}/auth/microsoftonline/callback`)
  const secretFile = join(folder, 'microsoft-secret')
  writeFileSync(secretFile, `${microsoft.clientSecret}\n`, { mode: 0o600 })
  const dataDir = join(folder, 'data')
  const running = start(['server'], {
    env: {
      FOB_LISTEN: `127.0.0.1:${port}`,
      FOB_DATA: dataDir,
      CI_OAUTH_SESSION_SECRET: randomBytes(32).toString('hex'),
      CI_OAUTH_CALLBACK_URL: url,
      CI_OAUTH_GITHUB_CLIENT_ID: github.clientId,
      CI_OAUTH_GITHUB_CLIENT_SECRET: github.clientSecret,
      FOB_OAUTH_GITHUB_URL: github.url,
      CI_OAUTH_GITLAB_CLIENT_ID: gitlab.clientId,
      CI_OAUTH_GITLAB_CLIENT_SECRET: gitlab.clientSecret,
      CI_OAUTH_GITLAB_URL: gitlab.url,
      CI_OAUTH_MICROSOFT_CLIENT_ID: microsoft.clientId,
      FOB_OAUTH_MICROSOFT_CLIENT_SECRET_FILE: secretFile,
      CI_OAUTH_MICROSOFT_TENANT: DIRECTORY,
      FOB_OAUTH_MICROSOFT_URL: microsoft.url,
      // The person whom the stand-in for GitLab knows.
      FOB_ADMIN: 'gitlab:42',
    },
  })
  await running.saw('"listening"')
  return {
    url,
    dataDir,
    github,
    gitlab,
    microsoft,
    running,
    async stop() {
      running.child.kill('SIGINT')
      await running.ended
      await Promise.all([github.stop(), gitlab.stop(), microsoft.stop()])
    },
  }
}
