/** `nativeResources` and `notify` called by the script of a run, with git, a bucket and messages. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  createGuardedFetch,
  type GuardedFetch,
} from '../../../../src/guarded-fetch/request-checked-address.ts'
import { openNetwork } from '../../../../src/guarded-fetch/allowed-networks.ts'
import { createRepository, startGitHttp } from '../../../support/real-parts/git-server.ts'
import { testWith } from '../../../support/real-parts/skip-without-part.ts'
import { missingS3Part, type S3Server, startS3Server } from '../../../support/real-parts/s3-server.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { startSlack } from '../../../support/stand-ins/slack.ts'
import { type Harness, openHarness, pipeline, sh } from '../run-harness.ts'

const TOKEN = 'ghp_k3epThisToYourself'
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

async function harness(): Promise<Harness> {
  const opened = await openHarness({ env: { PATH: process.env.PATH }, network: openNetwork(['127.0.0.0/8']) })
  closing.push(() => opened[Symbol.asyncDispose]())
  return opened
}

function forge() {
  const repository = createRepository()
  const server = startGitHttp(repository.root, { username: 'x-access-token', password: TOKEN })
  closing.push(server.stop)
  return { repository, uri: `${server.url}/repo.git` }
}

describe('nativeResources in a run', () => {
  test('S89, S90: check answers at once, fetch fills a volume, and a task reads it', async () => {
    const { secret, run, dataDir } = await harness()
    await secret('GIT_TOKEN', TOKEN)
    const { repository, uri } = forge()
    const ref = repository.commit({ 'hello.txt': 'from git' }, { message: `Use ${TOKEN}` })
    const { record, text, events } = await run(
      pipeline(`
        const source = { uri: '${uri}', token: 'secret:GIT_TOKEN' }
        const versions = nativeResources.check({ type: 'git', source })
        console.log(versions.versions[0].ref)
        const fetched = await nativeResources.fetch({
          type: 'git', source, version: versions.versions[0], params: { depth: 1 }, destDir: '/workspace',
        })
        console.log(JSON.stringify(fetched))
        ${sh('cat src/hello.txt', { name: 'read', mounts: { src: 'workspace' } })}
        console.log(JSON.stringify(source), nativeResources.isNative('git'), nativeResources.listNativeResources())
      `),
    )
    expect(record.message).toBeNull()
    expect(text('stdout')).toStartWith(`${ref}\n`)
    expect(text('stdout', 'read')).toBe('from git')
    expect(text('stdout')).toContain('"secret:GIT_TOKEN"')
    expect(JSON.stringify(events)).not.toContain(TOKEN)
    expect(text('stdout')).toContain('Use ***REDACTED***')
    expect(readdirSync(join(dataDir, 'scratch'))).toEqual([])
  })

  test('S91: what a task has made is pushed', async () => {
    const { secret, run } = await harness()
    await secret('GIT_TOKEN', TOKEN)
    const { repository, uri } = forge()
    repository.commit({ 'hello.txt': 'one' })
    const commit = 'cd src && echo two > hello.txt && git -c user.name=A -c user.email=a@b commit -qam two'
    const { record } = await run(
      pipeline(`
        const source = { uri: '${uri}', token: 'secret:GIT_TOKEN' }
        await nativeResources.fetch({ type: 'git', source, destDir: 'workspace' })
        ${sh(commit, { mounts: { src: 'workspace' } })}
        const { version } = await nativeResources.push({
          type: 'git', source, params: { branch: 'release' }, srcDir: 'workspace',
        })
        assert.equal(version.ref.length, 40)
      `),
    )
    expect(record.message).toBeNull()
    expect(repository.git('show', 'release:hello.txt')).toBe('two')
  })

  test('a resource that cannot be had is an error that the script can catch, with the next step', async () => {
    const { secret, run } = await harness()
    await secret('GIT_DEPLOY_KEY', 'no key')
    const { record, text } = await run(
      pipeline(`
        for (const source of [
          { uri: 'git@git.example.com:a/b.git', private_key: 'secret:GIT_DEPLOY_KEY' },
          { uri: 'git@127.0.0.1:a/b.git', private_key: 'secret:GIT_DEPLOY_KEY', known_hosts: 'ssh-ed25519 AAAA' },
        ]) {
          try {
            nativeResources.check({ type: 'git', source })
          } catch (error) {
            console.log(error.message)
          }
        }
      `),
    )
    expect(record.status).toBe('success')
    expect(text('stdout')).toContain(
      'git: the host key of git.example.com is not known; put what this prints into source.known_hosts',
    )
    expect(text('stdout')).toContain('git: source.private_key is not a private key')
  })

  describe('with a bucket', () => {
    const missing = missingS3Part()
    let server: S3Server | undefined
    beforeAll(async () => {
      if (missing === undefined) server = await startS3Server()
    }, 90_000)
    afterAll(() => server?.stop())

    testWith(
      missing,
      "S90, S92, S93: the documents' own fetch, the version of a repository and all",
      async () => {
        if (!server) throw new Error('no S3 server')
        await server.createBucket('my-bucket')
        const folder = temporaryFolder()
        await Bun.write(join(folder, 'app/run.sh'), 'echo unpacked')
        Bun.spawnSync({ cmd: ['tar', '-czf', 'app.tgz', 'app'], cwd: folder })
        await server.put('my-bucket', 'app.tgz', await Bun.file(join(folder, 'app.tgz')).bytes())
        const env = { PATH: process.env.PATH, AWS_ENDPOINT_URL: server.endpoint }
        const opened = await openHarness({ env, network: openNetwork(['127.0.0.0/8']) })
        closing.push(() => opened[Symbol.asyncDispose]())
        await opened.secret('AWS_ACCESS_KEY', server.accessKeyId)
        await opened.secret('AWS_SECRET_KEY', server.secretAccessKey)
        await opened.secret('GIT_TOKEN', TOKEN)
        const { repository, uri } = forge()
        repository.commit({ 'hello.txt': 'one' })
        // The documents' words, but for the repository, which is not theirs, and the task.
        const { record, text } = await opened.run(`const pipeline = async () => {
  // check — source credentials resolved from secrets
  const versions = nativeResources.check({
    type: "git",
    source: {
      uri: "${uri}",
      token: "secret:GIT_TOKEN",
    },
  });
  // fetch — nested source + params both resolved
  const result = await nativeResources.fetch({
    type: "s3",
    source: {
      bucket: "my-bucket",
      credentials: {
        access_key: "secret:AWS_ACCESS_KEY",
        secret_key: "secret:AWS_SECRET_KEY",
      },
    },
    version: versions.versions[0],
    params: { unpack: true },
    destDir: "/workspace",
  });
  ${sh('sh in/app/run.sh', { name: 'run', mounts: { in: 'workspace' } })}
};
export { pipeline };
`)
        expect(record.message).toBeNull()
        expect(text('stdout', 'run')).toBe('unpacked\n')
      },
    )
  })
})

describe('notify in a run', () => {
  const SLACK_TOKEN = 'xoxb-k3epThisToYourself'

  async function withSlack() {
    const slack = startSlack({ token: SLACK_TOKEN, channels: ['#builds'] })
    closing.push(slack.stop)
    const opened = await harness()
    await opened.secret('SLACK_BOT_TOKEN', SLACK_TOKEN)
    const config = `{ type: "slack", token: "secret:SLACK_BOT_TOKEN", channels: ["#builds"], url: "${slack.url}" }`
    return { slack, opened, config }
  }

  test('S94 to S97: what was set keeps its placeholders, and is sent with the secret', async () => {
    const { slack, opened, config } = await withSlack()
    const { record, events, runId } = await opened.run(
      pipeline(`
        notify.setConfigs({ "slack-builds": ${config} })
        notify.setContext({ branch: 'main' })
        await notify.send({ name: "slack-builds", message: "Build started" });
        await notify.sendMultiple(['slack-builds'], '{{ pipeline }} {{ runID }} {{ branch }} {{ status }}')
      `),
    )
    expect(record.message).toBeNull()
    expect(slack.posted.map(({ text }) => text)).toEqual(['Build started', `deploy ${runId} main running`])
    expect(JSON.stringify(events)).not.toContain(SLACK_TOKEN)
  })

  test("S94 to S97: the documents' own snippet, word for word", async () => {
    const { slack } = await withSlack()
    const asked: string[] = []
    const network = openNetwork(['127.0.0.0/8'])
    const real = createGuardedFetch({ network, maxResponseBytes: 1024 * 1024 })
    const guardedFetch: GuardedFetch = ({ url, ...request }) => {
      asked.push(url.href)
      return real({ ...request, url: new URL(url.href.replace('https://slack.com/api', slack.url)) })
    }
    const opened = await openHarness({ guardedFetch })
    closing.push(() => opened[Symbol.asyncDispose]())
    const secrets = {
      SLACK_BOT_TOKEN: SLACK_TOKEN,
      TEAMS_WEBHOOK_URL: 'https://t',
      WEBHOOK_URL: 'https://w',
      WEBHOOK_TOKEN: 'x',
    }
    for (const [key, value] of Object.entries(secrets)) await opened.secret(key, value)
    const { record } = await opened.run(SNIPPET)
    expect(record.message).toBeNull()
    expect(asked).toEqual(['https://slack.com/api/chat.postMessage'])
    expect(slack.posted).toEqual([{ channel: '#builds', text: 'Build started' }])
  })

  test('a failed send rejects with the reason; async does not, and its reason is in the log', async () => {
    const { opened, config } = await withSlack()
    const { record, text } = await opened.run(
      pipeline(`
        notify.setConfigs({ ops: { ...${config}, channels: ['#nope'] } })
        try {
          await notify.send({ name: 'ops', message: 'm' })
        } catch (error) {
          console.log(error.message)
        }
        await notify.send({ name: 'ops', message: 'm', async: true })
        console.log('went on')
      `),
    )
    expect(record.status).toBe('success')
    expect(text('stdout')).toBe('notify "ops": #nope: channel_not_found\nwent on\n')
    expect(text('stderr')).toBe('notify "ops": #nope: channel_not_found\n')
  })

  test('an async message is sent also where the script fails right after', async () => {
    const { slack, opened, config } = await withSlack()
    const { record } = await opened.run(
      pipeline(`
        notify.setConfigs({ s: ${config} })
        await notify.send({ name: 's', message: 'it broke', async: true })
        throw new Error('broken')
      `),
    )
    expect(record.status).toBe('failed')
    expect(slack.posted).toHaveLength(1)
  })

  test('an async message is sent before the run ends', async () => {
    const { slack, opened, config } = await withSlack()
    await opened.run(
      pipeline(
        `notify.setConfigs({ s: ${config} }); await notify.send({ name: 's', message: 'm', async: true })`,
      ),
    )
    expect(slack.posted).toHaveLength(1)
  })
})

const SNIPPET = `const pipeline = async () => {
  notify.setConfigs({
    // Slack — token resolved from secrets
    "slack-builds": {
      type: "slack",
      token: "secret:SLACK_BOT_TOKEN",
      channels: ["#builds"],
    },
    // Microsoft Teams — webhook resolved from secrets
    "teams-alerts": {
      type: "teams",
      webhook: "secret:TEAMS_WEBHOOK_URL",
    },
    // HTTP — URL and Authorization header resolved from secrets
    "http-hook": {
      type: "http",
      url: "secret:WEBHOOK_URL",
      method: "POST",
      headers: {
        Authorization: "secret:WEBHOOK_TOKEN",
      },
    },
  });
  await notify.send({ name: "slack-builds", message: "Build started" });
};
export { pipeline };
`
